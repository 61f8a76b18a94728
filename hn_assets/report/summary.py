"""Reads what the page shows from the files of a refresh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.evaluation.checks.base.result import CheckVerdict
from hn_assets.evaluation.drift import Drift, read_drift
from hn_assets.mining.holdout.calibration_file import read_calibration
from hn_assets.mining.output.sources import RANDOM, describe_sources
from hn_assets.report.example_queries import ExampleQuery
from hn_assets.review.review_result import ReviewResult
from hn_assets.store.parquet_batches import parquet_batches

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 200_000


@dataclass(frozen=True)
class ReportFiles:
    """The files of a refresh that the page is made from.

    Attributes:
        corpus: The Parquet file of the corpus.
        queries: The Parquet file of the queries.
        hard_negatives: The Parquet file of the chosen negatives.
        ledger: The Parquet file that says what became of every candidate.
        audit: The Parquet file of the false-negative audit, with a row for each method.
        drift: The JSON file of what changed since the last good refresh.
        calibration: The JSON file of the calibration, or None if there is no target rate.
        review: The JSON file of what people's verdicts show, or None if there are none.
    """

    corpus: Path
    queries: Path
    hard_negatives: Path
    ledger: Path
    audit: Path
    drift: Path
    calibration: Path | None
    review: Path | None = None


@dataclass(frozen=True)
class RefreshSummary:
    """Everything that the page shows.

    Attributes:
        time: The time of the refresh, in ISO 8601.
        documents: The number of documents in the corpus.
        queries: The number of mined queries.
        queries_with_enough: How many of them have as many negatives as wanted.
        queries_left_short: How many of the others the budget of deeper searches left so.
        num_negatives: How many negatives are wanted for each query.
        negatives: The number of chosen negatives.
        random: The number of those that were drawn at random from the whole corpus.
        outcomes: How many candidates had each outcome, the most frequent outcome first.
        positive_scores: The score of each positive of a mined query, float32 of shape
            (positives,).
        negative_scores: The score of each negative, float32 of shape (negatives,).
        ranks: The rank of each negative that has one, int32.
        methods: The rows of the audit for which something was measured; perhaps none.
        threshold: What the calibration found, as a sentence without its full stop; empty if
            there is no target rate.
        history: The measurements of this refresh and of earlier ones, the latest last; those that
            measured nothing are left out.
        ndcg_before: nDCG@10 of the last good refresh, or None if there is none.
        drift: What changed since the last good refresh, or None if this is the first.
        verdicts: What each check says.
        examples: Some queries with their positives, negatives and rejected candidates.
        review: What people's verdicts show, or None if there are none.
        sources: The negatives by who found them, from `describe_sources`; none if the encoder alone
            has ranked.
    """

    time: str
    documents: int
    queries: int
    queries_with_enough: int
    queries_left_short: int
    num_negatives: int
    negatives: int
    random: int
    outcomes: Mapping[str, int]
    positive_scores: NDArray[np.float32]
    negative_scores: NDArray[np.float32]
    ranks: NDArray[np.int32]
    methods: pd.DataFrame
    threshold: str
    history: Sequence[Mapping[str, Any]]
    ndcg_before: float | None
    drift: Drift | None
    verdicts: Sequence[CheckVerdict]
    examples: Sequence[ExampleQuery]
    review: ReviewResult | None = None
    sources: Sequence[Mapping[str, Any]] = ()


def collect_summary(
    files: ReportFiles,
    *,
    mined: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    ndcg_before: float | None,
    verdicts: Sequence[CheckVerdict],
    examples: Sequence[ExampleQuery],
) -> RefreshSummary:
    """Read what the page shows.

    Args:
        files: The files of the refresh.
        mined: What the manifest of hard_negatives says: queries, queries_with_enough,
            queries_left_short, negatives.
        history: The measurements of retrieval_quality, with that of this refresh at the end.
        ndcg_before: nDCG@10 of the last good refresh, or None if there is none.
        verdicts: What each check says.
        examples: From `collect_examples`.
    """
    import pandas as pd

    chosen = pq.read_table(
        files.hard_negatives,
        columns=["source", "rank", "score", "margin", "probability"],
        read_dictionary=["source"],
    )
    methods = pd.read_parquet(files.audit)
    counts = _count_outcomes(files.ledger)
    return RefreshSummary(
        time=history[-1]["time"],
        documents=pq.read_metadata(files.corpus).num_rows,
        queries=int(mined["queries"]),
        queries_with_enough=int(mined["queries_with_enough"]),
        queries_left_short=int(mined.get("queries_left_short", 0)),
        num_negatives=int(mined["negatives"]),
        negatives=chosen.num_rows,
        random=chosen.filter(pc.field("source") == RANDOM).num_rows,
        outcomes=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        positive_scores=_positive_scores(files.hard_negatives),
        negative_scores=chosen["score"].to_numpy(),
        ranks=chosen["rank"].drop_null().to_numpy(),
        methods=methods[methods.negatives > 0],
        threshold=_describe_threshold(files.calibration),
        history=[row for row in history if row["queries"]],
        ndcg_before=ndcg_before,
        drift=read_drift(files.drift),
        verdicts=verdicts,
        examples=examples,
        review=None if files.review is None else ReviewResult.read(files.review),
        sources=list(describe_sources(chosen)),
    )


def _count_outcomes(ledger: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    with pq.ParquetFile(ledger) as file:
        for batch in parquet_batches(file, ROWS_AT_ONCE, ["outcome"]):
            for row in batch["outcome"].value_counts().to_pylist():
                counts[row["values"]] += row["counts"]
    return counts


def _positive_scores(hard_negatives: Path) -> NDArray[np.float32]:
    """The scores of all positives, read from the first row of each query, by its id."""
    found = [np.zeros(0, np.float32)]
    last = None
    with pq.ParquetFile(hard_negatives) as file:
        columns = ["query_id", "positive_scores"]
        for batch in parquet_batches(file, ROWS_AT_ONCE, columns):
            runs = pc.call_function("run_end_encode", [batch["query_id"]])
            firsts = np.concatenate([np.zeros(1, np.int64), runs.run_ends.to_numpy()[:-1]])
            ids = runs.values.to_pylist()
            # the negatives of a query stand together, but perhaps in two batches
            firsts = firsts[1:] if ids[0] == last else firsts
            last = ids[-1]
            scores = batch["positive_scores"].take(pa.array(firsts)).flatten()
            found.append(scores.to_numpy(zero_copy_only=False))
    return np.concatenate(found)


def _describe_threshold(calibration: Path | None) -> str:
    found = None if calibration is None else read_calibration(calibration)
    return "" if found is None else found.describe()
