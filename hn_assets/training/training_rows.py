"""The rows that a trainer reads: a query, a positive, and some of the query's hard negatives."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hn_assets.encoding.models.identity import Usage
from hn_assets.errors import SettingsError
from hn_assets.export.base.examples import Example, Examples, Passage
from hn_assets.export.base.row_files import write_parquet
from hn_assets.mining.rules.sampling import hash_ids, random_keys
from hn_assets.settings.training import TrainingSettings

ROWS = pa.schema(
    [
        ("query", pa.string()),
        ("positive", pa.string()),
        ("negatives", pa.list_(pa.string())),
        # of the positive, then of each negative; null if there is no teacher
        ("teacher_scores", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True)
class RowCounts:
    """What was written.

    Attributes:
        training: Number of rows to train on, one for each positive of a query.
        training_queries: Number of queries that they are of.
        validation: Number of rows of the validation part.
        validation_queries: Number of queries that they are of.
        queries_with_too_few_negatives: Number of queries that are left out since they have fewer
            negatives than a row holds.
    """

    training: int = 0
    training_queries: int = 0
    validation: int = 0
    validation_queries: int = 0
    queries_with_too_few_negatives: int = 0


def write_training_rows(
    examples: Examples | Sequence[Example],
    training: Path,
    validation: Path,
    *,
    settings: TrainingSettings,
    usage: Usage,
) -> RowCounts:
    """Write the rows to train on, and those of the validation part, as Parquet files.

    Queries are put into the validation part by the hash of seed and query id, so that it does not
    depend on their order. Texts stand as the encoder reads them, with its prompts before them.

    Args:
        examples: The examples of the mined split; they are gone through twice.
        training: The file of the rows to train on.
        validation: The file of the rows of the validation part; it may have none.
        settings: Its `validation_share`, `negatives_per_example` and `seed` are used.
        usage: How the model that is trained is used; its prompts are put before the texts.

    Raises:
        SettingsError: No query has enough negatives.
    """
    parts: list[tuple[int, int, int]] = []
    for path, is_validation in ((training, False), (validation, True)):
        parts.append(_write_part(path, examples, is_validation, settings, usage))
    (rows, queries, too_few), (validation_rows, validation_queries, others_too_few) = parts
    too_few += others_too_few
    if not rows:
        raise SettingsError(
            f"no query is left to train on: {too_few} have fewer than "
            f"{settings.negatives_per_example} negatives. Lower training.negatives_per_example, or "
            f"training.validation_share"
        )
    return RowCounts(rows, queries, validation_rows, validation_queries, too_few)


def _write_part(
    path: Path,
    examples: Iterable[Example],
    is_validation: bool,
    settings: TrainingSettings,
    usage: Usage,
) -> tuple[int, int, int]:
    """Write the rows of one of the two parts.

    Returns:
        The number of rows, of queries that have some, and of queries with too few negatives.
    """
    queries = too_few = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal queries, too_few
        for example in examples:
            if _is_for_validation(example.query_id, settings) != is_validation:
                continue
            found = list(_rows_of(example, settings, usage))
            queries += bool(found)
            too_few += not found
            yield from found

    count = write_parquet(path, ROWS, rows())
    return count, queries, too_few


def _rows_of(
    example: Example, settings: TrainingSettings, usage: Usage
) -> Iterator[dict[str, Any]]:
    """A row for each positive; other positives of the query get other negatives first."""
    wanted = settings.negatives_per_example
    if len(example.negatives) < wanted:
        return
    query_hash = hash_ids([example.query_id], settings.seed)
    keys = random_keys(query_hash, hash_ids([p.id for p in example.negatives], settings.seed))
    shuffled = [example.negatives[place] for place in np.argsort(keys, kind="stable")]
    for place, positive in enumerate(example.positives):
        first = place * wanted
        chosen = [shuffled[(first + i) % len(shuffled)] for i in range(wanted)]
        yield {
            "query": usage.query_prompt.join(example.query),
            "positive": usage.passage_prompt.join(positive.text),
            "negatives": [usage.passage_prompt.join(passage.text) for passage in chosen],
            "teacher_scores": _teacher_scores([positive, *chosen]),
        }


def _teacher_scores(passages: list[Passage]) -> list[float] | None:
    scores = [passage.teacher_score for passage in passages]
    return None if None in scores else scores  # type: ignore[return-value]


def _is_for_validation(query_id: str, settings: TrainingSettings) -> bool:
    # another key than that of the negatives, so that the two choices have nothing in common
    key = int(hash_ids([f"validation\n{query_id}"], settings.seed)[0])
    return key < settings.validation_share * 2.0**64
