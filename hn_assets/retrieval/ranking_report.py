"""What is reported of the rankings of a dataset."""

from dataclasses import dataclass
from typing import Any

from hn_assets.hardware import Choice
from hn_assets.retrieval.incremental_ranking import IncrementalReport
from hn_assets.retrieval.ranking_summary import RankingSummary
from hn_assets.retrieval.searcher import RECALL_SAMPLE


@dataclass(frozen=True)
class RankingReport:
    """What was ranked, and how.

    Attributes:
        depth: How many candidates each query has: the depth wanted, or the size of the corpus.
        depth_wanted: The depth asked for.
        queries: How many queries there are.
        is_exact: Whether the index compares every query with every document.
        vectors_stored_in: float32, or float16, to which vectors were rounded before all scores.
        index_recall: The share of the exactly best documents that the index found, on a sample
            of queries; None if the index is exact.
        faiss_device: Where FAISS searched, and why.
        index_kept_in: Where the index was while it was searched.
        seconds: What ranking and writing took.
        searched_again: How many queries the rounding of the index left in doubt which documents are
            their last, so that more was looked at.
        compared_with_all: How many of these were compared with every document on the CPU, as a GPU
            finds no more.
        incremental: What was searched, and what was kept from an earlier run.
        summary: The ranks of the known positives, and how scores fall.
    """

    depth: int
    depth_wanted: int
    queries: int
    is_exact: bool
    vectors_stored_in: str
    index_recall: float | None
    faiss_device: Choice
    index_kept_in: str
    seconds: float
    searched_again: int
    compared_with_all: int
    incremental: IncrementalReport
    summary: RankingSummary

    def recall_of_split(self, split: str) -> float | None:
        """The recall of the positives of a split at full depth; None if it has no positives."""
        recall = self.summary.recall([self.depth])
        rows = recall[recall.split == split] if len(recall) else recall
        return float(rows[f"recall@{self.depth}"].iloc[0]) if len(rows) else None

    def recall_by_split(self) -> list[dict[str, Any]]:
        """One row per split: its name, its queries, and recall at 1, 10, 100 and the depth."""
        cutoffs = sorted({k for k in (1, 10, 100) if k < self.depth} | {self.depth})
        rows = self.summary.recall(cutoffs).to_dict("records")
        return [{str(key): value for key, value in row.items()} for row in rows]

    def manifest_info(self, split: str) -> dict[str, Any]:
        """What later stages and runs need to know of the rankings; `split` is the mined one."""
        return {
            "depth": self.depth,
            "depth_wanted": self.depth_wanted,
            "exact": self.is_exact,
            "index_recall": self.index_recall,
            "recall_of_mined": self.recall_of_split(split),
        }

    def figures(self) -> dict[str, Any]:
        """The figures of the stage's metadata, by name; distributions and tables left out."""
        is_measured = self.index_recall is not None
        new_device = self.incremental.new_documents_device
        return {
            "depth": self.depth,
            "depth_wanted": self.depth_wanted,
            "queries": self.queries,
            "scores_are": f"inner products of vectors that are stored in {self.vectors_stored_in}",
            "faiss_device": self.faiss_device.value,
            "faiss_device_reason": self.faiss_device.reason,
            "index_kept_in": self.index_kept_in,
            "search_seconds": round(self.seconds, 3),
            "queries_searched": self.incremental.searched,
            "queries_searched_again": self.searched_again,
            "queries_compared_with_all_on_the_cpu": self.compared_with_all,
            "queries_kept_and_merged": self.incremental.merged,
            "documents_new": self.incremental.new_documents,
            "documents_new_searched_on": new_device.value if new_device else "none searched",
            "documents_gone": self.incremental.gone_documents,
            "index_recall": round(self.index_recall, 4) if self.index_recall is not None else 1.0,
            "index_recall_is": f"of the documents exact search finds, on a sample of "
            f"{RECALL_SAMPLE} queries"
            if is_measured
            else "exact by construction",
            "dagster/row_count": len(self.summary),
            **{
                f"{row['split']}_{name.replace('@', '_at_')}": value
                for row in self.recall_by_split()
                for name, value in row.items()
                if name.startswith("recall@")
            },
        }
