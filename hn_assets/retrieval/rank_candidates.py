"""From an index and the vectors of a dataset to the candidates of every query, kept in files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.errors import SearchError
from hn_assets.hardware import Choice
from hn_assets.retrieval.faiss_index import (
    apply_search_parameters,
    is_flat,
    open_index,
    place_index,
)
from hn_assets.retrieval.incremental_ranking import (
    EarlierRankings,
    IncrementalRanking,
    IncrementalReport,
    write_searched,
)
from hn_assets.retrieval.ranking import Ranking
from hn_assets.retrieval.ranking_summary import RankingSummary
from hn_assets.retrieval.searcher import RECALL_SAMPLE, Searcher, recall_against_exact
from hn_assets.settings.mining import DEFAULT_RANGE, MiningSettings
from hn_assets.settings.search import SearchSettings
from hn_assets.store import tables

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EarlierFiles:
    """The files of an earlier run's exact rankings.

    Attributes:
        candidates: Its rankings.
        searched_documents: Which document vectors it searched.
        searched_queries: Which query vectors it searched.
        depth: The depth that it wanted.
    """

    candidates: Path
    searched_documents: Path
    searched_queries: Path
    depth: int


@dataclass(frozen=True)
class RankingReport:
    """What was ranked, and how.

    Attributes:
        depth: How many candidates each query has: the depth wanted, or the size of the corpus.
        depth_wanted: The depth asked for.
        queries: How many queries there are.
        is_exact: Whether the index compares every query with every document.
        index_recall: The share of the exactly best documents that the index found, on a sample
            of queries; None if the index is exact.
        faiss_device: Where FAISS searched, and why.
        seconds: What ranking and writing took.
        incremental: What was searched, and what was kept from an earlier run.
        summary: Where the known positives stand, and how scores fall.
    """

    depth: int
    depth_wanted: int
    queries: int
    is_exact: bool
    index_recall: float | None
    faiss_device: Choice
    seconds: float
    incremental: IncrementalReport
    summary: RankingSummary

    def recall_of_split(self, split: str) -> float | None:
        """The recall of the positives of a split at full depth; None if it has no positives."""
        recall = self.summary.recall([self.depth])
        values = (
            recall[recall.split == split][f"recall@{self.depth}"].to_list() if len(recall) else []
        )
        return float(values[0]) if values else None

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
        return {
            "depth": self.depth,
            "depth_wanted": self.depth_wanted,
            "queries": self.queries,
            "faiss_device": self.faiss_device.value,
            "faiss_device_reason": self.faiss_device.reason,
            "search_seconds": round(self.seconds, 3),
            "queries_searched": self.incremental.searched,
            "queries_kept_and_merged": self.incremental.merged,
            "documents_new": self.incremental.new_documents,
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


def wanted_depth(settings: SearchSettings, mining: MiningSettings, qrels: pd.DataFrame) -> int:
    """The depth asked for, or what the mining range needs with all positives taken out.

    Args:
        settings: Of the search; its `depth` wins.
        mining: Of mining, for the range, the split, and how the range counts.
        qrels: Columns query_id, doc_id, score, split.
    """
    end = mining.range_or(DEFAULT_RANGE)[1]
    if settings.depth is not None:
        return settings.depth
    if mining.range_counts == "including_positives":
        return end
    mined = qrels[(qrels.score > 0) & (qrels.split == mining.split)]
    return end + (int(mined.groupby("query_id").size().max()) if len(mined) else 0)


def check_same_space(documents: Mapping[str, Any], queries: Mapping[str, Any]) -> None:
    """Refuse to compare vectors that different models made.

    Args:
        documents: The space of `corpus_embeddings`: what must be equal for a comparison.
        queries: The space of `query_embeddings`.

    Raises:
        SearchError: They differ; the error names the first part that does.
    """
    for part in documents:
        if documents[part] != queries.get(part):
            raise SearchError(
                f"corpus_embeddings and query_embeddings do not fit together: {part} is "
                f"{documents[part]} for documents and {queries.get(part)} for queries; materialize "
                f"both with the same model, then faiss_index"
            )


def check_index_version(made_from: str, documents: str) -> None:
    """Refuse an index of vectors that have been replaced since.

    Args:
        made_from: The version of `corpus_embeddings` that the index was built from.
        documents: The version of `corpus_embeddings` now.

    Raises:
        SearchError: They differ.
    """
    if made_from != documents:
        raise SearchError(
            "faiss_index was built from other vectors than corpus_embeddings now holds; "
            "materialize faiss_index again"
        )


def rank_candidates(
    index_file: Path,
    ids_file: Path,
    corpus_vectors: Path,
    query_vectors: Path,
    *,
    target: Path,
    searched_documents: Path,
    searched_queries: Path,
    search: SearchSettings,
    depth: int,
    faiss_device: Choice,
    qrels: pd.DataFrame,
    earlier: EarlierFiles | None = None,
    log: Callable[[str], None],
    warn: Callable[[str], None] | None = None,
) -> RankingReport:
    """Rank the documents for every query, and write the rankings to `target`.

    Args:
        index_file: The FAISS index over the corpus.
        ids_file: The document id of each of its rows.
        corpus_vectors: The vectors of the documents.
        query_vectors: The vectors of the queries.
        target: The Parquet file to write, with the columns of `tables.CANDIDATES`.
        searched_documents: The file to write the document vectors' hashes to.
        searched_queries: The file to write the query vectors' hashes to.
        search: Its `search_parameters` and `memory_mb` are used.
        depth: How many candidates are wanted for each query, from `wanted_depth`.
        faiss_device: From `choose_faiss_device`.
        qrels: Columns query_id, doc_id, score, split; for the summary alone.
        earlier: Exact rankings by the same model; those of another depth are not used.
        log: Takes a line of progress after each block of queries.
        warn: Takes what the user should know: a small corpus, a GPU that cannot be used. `log`
            takes it if this is None.

    Raises:
        StoreError: A file is damaged.
        SearchError: The index was built from other vectors.
        SettingsError: The index has no such search parameters.
    """
    warn = warn or log
    documents, queries = VectorTable(corpus_vectors), VectorTable(query_vectors)
    index = open_index(index_file, ids_file, documents)
    apply_search_parameters(index, search.search_parameters)
    possible = min(depth, len(documents))
    if possible < depth:
        warn(
            f"the corpus has {possible} documents, fewer than the wanted depth {depth}: "
            f"rankings hold all of it"
        )
    is_exact = is_flat(index)
    index, device = place_index(index, faiss_device, possible)
    if device.fell_back:
        warn(f"FAISS searches on the CPU, not on a GPU: {device.reason}")
    start = time.perf_counter()
    ranking = IncrementalRanking(
        Searcher(index, documents, device.value, is_exact=is_exact),
        documents,
        queries,
        depth,
        _read(earlier) if earlier is not None and is_exact and earlier.depth == depth else None,
    )
    summary = RankingSummary(qrels, queries, documents, possible)
    recall = None
    document_ids = pa.array(documents.ids, pa.string())
    with pq.ParquetWriter(target, tables.CANDIDATES, compression="zstd") as writer:
        for block in ranking.rank(search.memory_mb):
            writer.write_table(_to_table(block, queries.ids, document_ids))
            summary.add(block)
            if recall is None and not is_exact:
                recall = recall_against_exact(block, queries, documents)
            log(f"searched {block.first + len(block.rows):,} of {len(queries):,} queries")
    seconds = time.perf_counter() - start
    write_searched(documents, searched_documents)
    write_searched(queries, searched_queries)
    return RankingReport(
        depth=possible,
        depth_wanted=depth,
        queries=len(queries),
        is_exact=is_exact,
        index_recall=recall,
        faiss_device=device,
        seconds=seconds,
        incremental=ranking.report,
        summary=summary,
    )


def _read(earlier: EarlierFiles) -> EarlierRankings:
    return EarlierRankings.read(
        earlier.candidates, earlier.searched_documents, earlier.searched_queries, earlier.depth
    )


def _to_table(block: Ranking, query_ids: list[str], document_ids: pa.Array) -> pa.Table:
    count, depth = block.rows.shape
    is_ranked = (block.rows >= 0).reshape(-1)
    ids = pa.array(query_ids[block.first : block.first + count], pa.string())
    columns = [
        ids.take(pa.array(np.repeat(np.arange(count), depth)[is_ranked])),
        document_ids.take(pa.array(block.rows.reshape(-1)[is_ranked])),
        pa.array(np.tile(np.arange(depth, dtype=np.int32), count)[is_ranked]),
        pa.array(block.scores.reshape(-1)[is_ranked]),
    ]
    return pa.table(columns, schema=tables.CANDIDATES)
