"""The rows that a trainer reads: a query, a positive, and some of the query's hard negatives."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.errors import SettingsError
from hn_assets.export.base.examples import Example, Passage
from hn_assets.mining.rules.sampling import hash_ids, random_keys
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.settings.training import TrainingSettings

ROWS_PER_GROUP = 2_000
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
    examples: Iterable[Example],
    training: Path,
    validation: Path,
    *,
    settings: TrainingSettings,
    encoding: EncodingSettings,
) -> RowCounts:
    """Write the rows to train on, and those of the validation part, as Parquet files.

    Queries are put into the validation part by the hash of seed and query id, so that it does not
    depend on their order. Texts stand as the encoder reads them, with its instructions before them.

    Args:
        examples: The examples of the mined split.
        training: The file of the rows to train on.
        validation: The file of the rows of the validation part; it may have none.
        settings: Its `validation_share`, `negatives_per_example` and `seed` are used.
        encoding: Its instructions are used.

    Raises:
        SettingsError: No query has enough negatives.
    """
    counts = {"training": 0, "validation": 0}
    queries = {"training": 0, "validation": 0}
    too_few = 0
    pending: dict[str, list[dict[str, Any]]] = {"training": [], "validation": []}
    with (
        pq.ParquetWriter(training, ROWS, compression="zstd") as train_file,
        pq.ParquetWriter(validation, ROWS, compression="zstd") as validation_file,
    ):
        files = {"training": train_file, "validation": validation_file}
        for example in examples:
            rows = list(_rows_of(example, settings, encoding))
            if not rows:
                too_few += 1
                continue
            part = "validation" if _is_for_validation(example.query_id, settings) else "training"
            queries[part] += 1
            counts[part] += len(rows)
            pending[part] += rows
            if len(pending[part]) >= ROWS_PER_GROUP:
                files[part].write_table(pa.Table.from_pylist(pending[part], schema=ROWS))
                pending[part] = []
        for part, rows in pending.items():
            files[part].write_table(pa.Table.from_pylist(rows, schema=ROWS))
    if not counts["training"]:
        raise SettingsError(
            f"no query is left to train on: {too_few} have fewer than "
            f"{settings.negatives_per_example} negatives. Lower training.negatives_per_example, or "
            f"training.validation_share"
        )
    return RowCounts(
        training=counts["training"],
        training_queries=queries["training"],
        validation=counts["validation"],
        validation_queries=queries["validation"],
        queries_with_too_few_negatives=too_few,
    )


def _rows_of(
    example: Example, settings: TrainingSettings, encoding: EncodingSettings
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
            "query": _instructed(example.query, "query", encoding),
            "positive": _instructed(positive.text, "passage", encoding),
            "negatives": [_instructed(passage.text, "passage", encoding) for passage in chosen],
            "teacher_scores": _teacher_scores([positive, *chosen]),
        }


def _teacher_scores(passages: list[Passage]) -> list[float] | None:
    scores = [passage.teacher_score for passage in passages]
    return None if None in scores else scores  # type: ignore[return-value]


def _instructed(text: str, kind: Any, encoding: EncodingSettings) -> str:
    instruction, pattern = encoding.instruction_for(kind)
    return pattern.format(instruction, text) if instruction else text


def _is_for_validation(query_id: str, settings: TrainingSettings) -> bool:
    # another key than that of the negatives, so that the two choices have nothing in common
    key = int(hash_ids([f"validation\n{query_id}"], settings.seed)[0])
    return key < settings.validation_share * 2.0**64
