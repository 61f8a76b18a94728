"""What is reported of candidates that several retrievers found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.ids import Ids
from hn_assets.retrieval.joined_order import JoinedFinds

if TYPE_CHECKING:
    import pandas as pd

JOINED = "all, joined"  # what all retrievers together are called
MOST_SCORES = 2_000_000  # are kept for the distribution: 8 MB
BLOCK_SCORES = 50_000  # of one block of queries


class JoinSummary:
    """Looks at joined candidates block by block, so that they need not be in memory together.

    Args:
        retrievers: The names of the retrievers.
        qrels: Columns query_id, doc_id, score, split; positives are those with score > 0.
        query_ids: The ids of the queries by row.
        document_ids: The ids of the documents by row.

    Attributes:
        depth: The most candidates that a query has.
        candidates: How many there are.
        found: How many of them each retriever found; int64.
        found_alone: How many of them it alone found; int64.
        queries_found: For how many queries it found any; int64.
        queries_with_candidates: For how many queries any retriever found any.
    """

    def __init__(
        self,
        retrievers: Sequence[str],
        qrels: pd.DataFrame,
        query_ids: Ids,
        document_ids: Ids,
    ) -> None:

        self._retrievers = retrievers
        positives = qrels[qrels.score > 0].drop_duplicates(["query_id", "doc_id", "split"])
        query = query_ids.rows_of(positives.query_id)
        document = document_ids.rows_of(positives.doc_id)
        self._width = len(document_ids)
        self._keys = query * self._width + document
        self._positives = positives
        # of each positive: its place in the joined order, and its rank for each retriever
        self._ranks = np.full((len(positives), len(retrievers) + 1), -1, np.int64)
        self._scores: list[NDArray[np.float32]] = []
        self._kept = 0
        count = len(retrievers)
        self.found, self.found_alone, self.queries_found = (np.zeros(count, int) for _ in range(3))
        self.depth = self.candidates = self.queries_with_candidates = 0

    def add(self, block: JoinedFinds) -> None:
        """Take the candidates of further queries into account."""
        if not len(block):
            return
        is_found = block.ranks >= 0
        self.candidates += len(block)
        self.depth = max(self.depth, int(block.rank.max()) + 1)
        self.found += is_found.sum(axis=0)
        self.found_alone += (is_found & (is_found.sum(axis=1, keepdims=True) == 1)).sum(axis=0)
        for number, by_one in enumerate(is_found.T):
            self.queries_found[number] += len(np.unique(block.query[by_one]))
        self.queries_with_candidates += int((block.rank == 0).sum())
        keys = block.query * self._width + block.document
        order = np.argsort(keys, kind="stable")
        place = np.searchsorted(keys, self._keys, sorter=order)
        place = order[np.minimum(place, len(order) - 1)]
        there = keys[place] == self._keys
        self._ranks[there, 0] = block.rank[place[there]]
        self._ranks[there, 1:] = block.ranks[place[there]]
        if self._kept < MOST_SCORES:
            sample = block.score[:: max(1, len(block) // BLOCK_SCORES)]
            self._scores.append(sample)
            self._kept += len(sample)

    def recall(self, cutoffs: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Mean recall of the positives at each cutoff, by split, of the joined order and of each.

        Yields:
            Rows with split, retriever, queries, `recall@k` for each cutoff, and `recall`, at any
            rank; averaged over queries.
        """
        for split, group in self._positives.groupby("split"):
            rows = np.flatnonzero((self._positives.split == split).to_numpy())
            for number, name in enumerate([JOINED, *self._retrievers]):
                ranks = self._ranks[rows, number]
                row: dict[str, Any] = {"split": split, "retriever": name}
                row["queries"] = group.query_id.nunique()
                for label, most in [*((f"recall@{k}", k) for k in cutoffs), ("recall", None)]:
                    found = (ranks >= 0) & (True if most is None else ranks < most)
                    by_query = group.assign(found=found).groupby("query_id").found.mean()
                    row[label] = round(float(by_query.mean()), 4)
                yield row

    def scores(self) -> NDArray[np.float32]:
        """Scores of the candidates, of evenly spread ones if there are many; float32, flat."""
        return np.concatenate([np.zeros(0, np.float32), *self._scores])


@dataclass(frozen=True)
class JoinReport:
    """What was joined, and how.

    Attributes:
        retrievers: The names of the retrievers.
        order: `reciprocal_rank_fusion`, or the name of the retriever whose score decides.
        queries: How many queries there are.
        scored: How many scores were computed, of documents that the encoder did not find itself.
        seconds: What joining and writing took.
        summary: What the candidates are.
    """

    retrievers: tuple[str, ...]
    order: str
    queries: int
    scored: int
    seconds: float
    summary: JoinSummary

    @property
    def depth(self) -> int:
        """The most candidates that a query has."""
        return self.summary.depth

    def recall(self) -> list[dict[str, Any]]:
        """The recall of the positives at 10, at 100 and at any rank, by split and retriever."""
        return list(self.summary.recall((10, 100)))

    def recall_of_split(self, split: str) -> float | None:
        """The recall of the positives of a split at any rank; None if it has no positives."""
        rows = self.summary.recall(())
        return next(
            (row["recall"] for row in rows if row["split"] == split and row["retriever"] == JOINED),
            None,
        )

    def by_retriever(self) -> Iterator[dict[str, Any]]:
        """How much each retriever found, and how much nobody else did."""
        summary = self.summary
        for number, name in enumerate(self.retrievers):
            found = int(summary.found[number])
            yield {
                "retriever": name,
                "candidates": found,
                "found by it alone": int(summary.found_alone[number]),
                "queries without candidates": self.queries - int(summary.queries_found[number]),
            }

    def figures(self) -> dict[str, Any]:
        """The figures of the stage's metadata, by name; distributions and tables left out."""
        summary = self.summary
        shared = summary.candidates - int(summary.found_alone.sum())
        return {
            "retrievers": ", ".join(self.retrievers),
            "order": self.order,
            "depth": self.depth,
            "queries": self.queries,
            "queries_without_candidates": self.queries - summary.queries_with_candidates,
            "candidates_per_query": round(summary.candidates / max(self.queries, 1), 1),
            "found_by_several_share": round(shared / max(summary.candidates, 1), 4),
            "scores_are": "inner products of the dataset's own encoder, whoever found a document",
            "scores_computed": self.scored,
            "join_seconds": round(self.seconds, 3),
            "dagster/row_count": summary.candidates,
        }
