"""What a set of rankings says: the ranks of the known positives, and how scores fall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.retrieval.ranking import Ranking

if TYPE_CHECKING:
    import pandas as pd

MOST_SCORES = 2_000_000  # are kept for the distribution: 8 MB


class RankingSummary:
    """Looks at rankings block by block, so that they need not be in memory together.

    Args:
        qrels: Columns query_id, doc_id, score, split; positives are those with score > 0.
        queries: The queries that documents are ranked for.
        documents: The documents that are ranked.
        depth: How many documents each ranking holds.
    """

    def __init__(
        self, qrels: pd.DataFrame, queries: VectorTable, documents: VectorTable, depth: int
    ) -> None:
        positives = qrels[qrels.score > 0]
        positives = positives.assign(
            query_row=queries.ids.rows_of(positives.query_id),
            doc_row=documents.ids.rows_of(positives.doc_id),
            rank=np.inf,
        )
        self._positives = positives.sort_values("query_row", kind="stable")
        self._ranks = self._positives["rank"].to_numpy(copy=True)
        self._looked_at = sorted({rank for rank in (0, 9, 99, depth - 1) if rank < depth})
        self._at_rank: list[NDArray[np.float32]] = []
        self._every = max(1, len(queries) * depth // MOST_SCORES)
        self._sampled: list[NDArray[np.float32]] = []
        self._count = 0

    def add(self, block: Ranking) -> None:
        """Take the rankings of further queries into account."""
        rows = self._positives.query_row.to_numpy()
        first, last = np.searchsorted(rows, [block.first, block.first + len(block.rows)])
        wanted = self._positives.doc_row.to_numpy()[first:last, None]
        found = block.rows[rows[first:last] - block.first] == wanted
        self._ranks[first:last] = np.where(found.any(axis=1), found.argmax(axis=1), np.inf)
        self._at_rank.append(block.scores[:, self._looked_at])
        self._sampled.append(block.scores[:: self._every].ravel())
        self._count += int((block.rows >= 0).sum())

    def __len__(self) -> int:
        return self._count

    def recall(self, cutoffs: Sequence[int]) -> pd.DataFrame:
        """Mean recall of the positives at each cutoff, per split.

        Returns:
            One row per split: split, queries, and `recall@k` for each cutoff, averaged over
            queries; recall at k looks at ranks 0 to k - 1.
        """
        import pandas as pd

        ranked = self._positives.assign(rank=self._ranks)
        rows: list[dict[str, object]] = []
        for split, group in ranked.groupby("split"):
            row: dict[str, object] = {"split": split, "queries": group.query_id.nunique()}
            for k in cutoffs:
                found = (group["rank"] < k).groupby(group.query_id).mean()
                row[f"recall@{k}"] = round(float(found.mean()), 4)
            rows.append(row)
        return pd.DataFrame(rows)

    def scores(self) -> NDArray[np.float32]:
        """Scores of the candidates, of every query or of evenly spread ones; float32, flat."""
        return _finite(np.concatenate([np.zeros(0, np.float32), *self._sampled]))

    def scores_by_rank(self) -> dict[int, NDArray[np.float32]]:
        """The scores at the first, tenth, hundredth and last rank."""
        table = np.concatenate([np.zeros((0, len(self._looked_at)), np.float32), *self._at_rank])
        return {rank: _finite(table[:, i]) for i, rank in enumerate(self._looked_at)}


def _finite(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    return scores[np.isfinite(scores)]  # an approximate index may find fewer than the depth
