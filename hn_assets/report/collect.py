"""What the page shows, read from the files of a refresh."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.evaluation.checks.result import Verdict
from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.output.explain import because
from hn_assets.mining.rules.reasons import CHOSEN, FILTERS, NAMES, NEVER, Reason
from hn_assets.store.tables import read_rows
from hn_assets.text import shorten

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 20
POSITIVES, NEGATIVES, REJECTED = 2, 4, 5  # shown of each query
CHARACTERS = 320
# what a reader wants to see rejected, before what merely stands elsewhere
TELLING = [NAMES[reason] for reason in (*FILTERS, *NEVER) if reason != Reason.POSITIVE]


@dataclass(frozen=True)
class Files:
    """The files of one refresh.

    Attributes:
        corpus: Parquet, as all but the three last.
        queries: the queries.
        hard_negatives: what was chosen.
        ledger: what became of every candidate.
        audit: leak by method.
        quality: JSON of the measures of this refresh.
        drift: JSON of what changed.
        calibration: JSON; None without a target rate.
    """

    corpus: Path
    queries: Path
    hard_negatives: Path
    ledger: Path
    audit: Path
    quality: Path
    drift: Path
    calibration: Path | None


@dataclass(frozen=True)
class Passage:
    """A document beside a query: its text cut short, and why it is where it is."""

    id: str
    text: str
    score: float
    rank: int | None = None
    why: str = ""


@dataclass(frozen=True)
class Example:
    """A query with what was chosen for it, and what was not."""

    id: str
    text: str
    positives: list[Passage]
    negatives: list[Passage]
    rejected: list[Passage]


@dataclass(frozen=True)
class Refresh:
    """Everything on the page.

    Attributes:
        documents: in the corpus.
        queries: mined.
        enough: of them, with as many negatives as wanted.
        wanted: negatives for each query.
        negatives: chosen.
        outcomes: candidates by what became of them, the most frequent first.
        positive_scores: float32, one for each positive of a mined query.
        negative_scores: float32, (negatives,).
        ranks: of the negatives, (negatives,).
        methods: leak and hardness by method; empty where nothing could be measured.
        threshold: what the calibration found, in words; "" without a target rate.
        history: measures of this refresh and of earlier ones, the latest last.
        ndcg_before: of the last good refresh; None where there is none.
        drift: what changed since that; None for the first.
        verdicts: what the checks said.
        examples: to be read.
    """

    documents: int
    queries: int
    enough: int
    wanted: int
    negatives: int
    outcomes: Mapping[str, int]
    positive_scores: NDArray[np.float32]
    negative_scores: NDArray[np.float32]
    ranks: NDArray[np.int32]
    methods: pd.DataFrame
    threshold: str
    history: list[Mapping[str, Any]]
    ndcg_before: float | None
    drift: Mapping[str, Any] | None
    verdicts: Sequence[Verdict]
    examples: list[Example]


def gather(
    files: Files,
    *,
    mined: Mapping[str, Any],
    history: list[Mapping[str, Any]],
    ndcg_before: float | None,
    verdicts: Sequence[Verdict],
) -> Refresh:
    """Read what the page shows.

    Args:
        files: of the refresh.
        mined: what hard_negatives says of itself: queries, queries_with_enough, negatives.
        history: of retrieval_quality.
        ndcg_before: nDCG@10 of the last good refresh.
        verdicts: of the checks.
    """
    import pandas as pd

    chosen = pq.read_table(files.hard_negatives, columns=["query_id", "rank", "score"])
    lists = pq.read_table(files.hard_negatives, columns=["query_id", "positive_scores"])
    firsts = lists.take(np.unique(lists["query_id"].to_numpy(), return_index=True)[1])
    positives = firsts["positive_scores"].combine_chunks().flatten()
    methods = pd.read_parquet(files.audit)
    outcomes = pq.read_table(files.ledger, columns=["outcome"])["outcome"].value_counts()
    counts = {str(row["values"]): int(row["counts"]) for row in outcomes.to_pylist()}
    return Refresh(
        documents=pq.read_metadata(files.corpus).num_rows,
        queries=int(mined["queries"]),
        enough=int(mined["queries_with_enough"]),
        wanted=int(mined["negatives"]),
        negatives=chosen.num_rows,
        outcomes=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        positive_scores=positives.to_numpy(zero_copy_only=False),
        negative_scores=chosen["score"].to_numpy(),
        ranks=chosen["rank"].to_numpy(),
        methods=methods[methods.negatives > 0],
        threshold=_threshold(files.calibration),
        history=[row for row in history if row["queries"]],
        ndcg_before=ndcg_before,
        drift=json.loads(files.drift.read_text(encoding="utf-8")),
        verdicts=verdicts,
        examples=_examples(files),
    )


def _threshold(path: Path | None) -> str:
    if path is None:
        return ""
    return Calibration.from_json(json.loads(path.read_text(encoding="utf-8"))).describe()


def _examples(files: Files) -> list[Example]:
    """A few queries, spread evenly over the ids of all."""
    import pandas as pd

    ids = np.unique(pq.read_table(files.hard_negatives, columns=["query_id"])["query_id"])
    places = np.linspace(0, len(ids) - 1, min(EXAMPLES, len(ids))).round().astype(int)
    picked = [str(ids[place]) for place in places]
    is_picked = pc.field("query_id").isin(picked)
    chosen = pq.read_table(files.hard_negatives, filters=is_picked).to_pandas()
    ledger = pq.read_table(files.ledger, filters=is_picked).to_pandas()
    ledger = ledger.astype({"query_id": str, "doc_id": str, "outcome": str})
    ledger = ledger.astype(object).where(pd.notna(ledger), None)

    of_query = {query: _rejected(ledger[ledger.query_id == query]) for query in picked}
    rows = {query: chosen[chosen.query_id == query].head(NEGATIVES) for query in picked}
    wanted = {row["doc_id"] for found in of_query.values() for row in found}
    for found in rows.values():
        wanted |= {*found.doc_id, *found.positive_ids.iloc[0][:POSITIVES]}
    texts = _texts(files.corpus, wanted)
    asked = {row["id"]: row["text"] for row in read_rows(files.queries, ["id", "text"])}

    def passage(row: Mapping[Any, Any], why: str = "") -> Passage:
        return Passage(row["doc_id"], texts[row["doc_id"]], row["score"], row["rank"], why)

    examples: list[Example] = []
    for query in picked:
        known = rows[query].iloc[0]
        examples.append(
            Example(
                id=query,
                text=shorten(asked[query], CHARACTERS),
                positives=[
                    Passage(doc_id, texts[doc_id], float(score))
                    for doc_id, score in zip(
                        known.positive_ids[:POSITIVES],
                        known.positive_scores[:POSITIVES],
                        strict=True,
                    )
                ],
                negatives=[passage(row) for row in rows[query].to_dict("records")],
                rejected=[passage(row, because(row)) for row in of_query[query]],
            )
        )
    return examples


def _rejected(rows: pd.DataFrame) -> list[dict[Any, Any]]:
    """The best ranked that a rule rejected; then, where there are too few, any others."""
    others = rows[~rows.outcome.isin([CHOSEN, NAMES[Reason.POSITIVE]])].sort_values("rank")
    telling = others[others.outcome.isin(TELLING)].head(REJECTED)
    rest = others[~others.outcome.isin(TELLING)].head(REJECTED - len(telling))
    return [*telling.to_dict("records"), *rest.to_dict("records")]


def _texts(corpus: Path, ids: set[str]) -> dict[str, str]:
    return {
        row["id"]: shorten(" — ".join(p for p in (row["title"], row["text"]) if p), CHARACTERS)
        for row in read_rows(corpus, ["id", "title", "text"])
        if row["id"] in ids
    }
