"""From an index and the vectors of a dataset to the candidates of every query, kept in files."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.cluster.ray_cluster import RayCluster
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.hardware import FaissChoice
from hn_assets.ids import Ids
from hn_assets.retrieval.faiss_index import (
    apply_search_parameters,
    is_flat,
    open_index,
    place_index,
)
from hn_assets.retrieval.incremental_ranking import (
    EarlierRankings,
    IncrementalRanking,
    write_searched,
)
from hn_assets.retrieval.mapped_index import is_mapped
from hn_assets.retrieval.ranking import Ranking
from hn_assets.retrieval.ranking_report import RankingReport
from hn_assets.retrieval.ranking_summary import RankingSummary
from hn_assets.retrieval.searcher import Searcher, recall_against_exact
from hn_assets.retrieval.sharded_search import ShardedSearcher
from hn_assets.settings.search import SearchSettings
from hn_assets.store import schemas

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
    faiss_device: FaissChoice,
    qrels: pd.DataFrame,
    earlier: EarlierFiles | None = None,
    connect: Callable[[], RayCluster] | None = None,
    log: Callable[[str], None],
    warn: Callable[[str], None] | None = None,
) -> RankingReport:
    """Rank the documents for every query, and write the rankings to `target`.

    Args:
        index_file: The FAISS index over the corpus.
        ids_file: The document id of each of its rows.
        corpus_vectors: The vectors of the documents.
        query_vectors: The vectors of the queries.
        target: The Parquet file to write, with the columns of `schemas.CANDIDATES`.
        searched_documents: The file to write the document vectors' hashes to.
        searched_queries: The file to write the query vectors' hashes to.
        search: Its `search_parameters` and `memory_mb` are used.
        depth: How many candidates are wanted for each query, from `wanted_depth`.
        faiss_device: From `choose_faiss_device`.
        qrels: Columns query_id, doc_id, score, split; for the summary alone.
        earlier: Exact rankings by the same model; those of another depth are not used.
        connect: Connects to the cluster whose nodes search, if the index is exact and would be
            searched on a CPU here; None to search here.
        log: Takes a line of progress after each block of queries.
        warn: Takes what the user should know: a small corpus, a GPU that cannot be used. `log`
            takes it if this is None.

    Raises:
        StoreError: A file is damaged.
        SearchError: The index was built from other vectors.
        SettingsError: The index has no such search parameters.
        ClusterError: The cluster cannot be used, or is lost.
    """
    warn = warn or log
    documents, queries = VectorTable(corpus_vectors), VectorTable(query_vectors)
    possible = min(depth, len(documents))
    if possible < depth:
        warn(
            f"the corpus has {possible} documents, fewer than the wanted depth {depth}: "
            f"rankings hold all of it"
        )
    searcher: Searcher | ShardedSearcher
    start = time.perf_counter()
    if connect is not None and search.index == "Flat" and faiss_device.value == "cpu":
        # The vectors go to the nodes, and the index is not needed.
        device, is_exact = FaissChoice("cpu", "on the nodes of Ray"), True
        kept_in = "memory of the nodes of Ray"
        searcher = ShardedSearcher(corpus_vectors, documents, connect)
    else:
        is_copied = faiss_device.value == "gpu" and search.index != "Flat"
        index = open_index(index_file, ids_file, documents, in_memory=is_copied)
        apply_search_parameters(index, search.search_parameters)
        is_exact = is_flat(index, documents)
        kept_in = "memory" if is_copied or not is_mapped(index) else "its file, mapped"
        index, device = place_index(index, documents, faiss_device, possible)
        if device.value == "gpu":
            kept_in = "memory of the cards"
        elif device.fell_back:
            warn(f"FAISS searches on the CPU, not on a GPU: {device.reason}")
        start = time.perf_counter()
        searcher = Searcher(index, documents, device.value, is_exact=is_exact)
    ranking = IncrementalRanking(
        searcher,
        documents,
        queries,
        depth,
        _read(earlier) if earlier is not None and is_exact and earlier.depth == depth else None,
        device,
    )
    new_device = ranking.report.new_documents_device
    if new_device is not None and new_device.fell_back and not device.fell_back:
        warn(f"new documents are searched on the CPU, not on a GPU: {new_device.reason}")
    summary = RankingSummary(qrels, queries, documents, possible)
    recall = None
    with (
        searcher if isinstance(searcher, ShardedSearcher) else nullcontext(),
        pq.ParquetWriter(target, schemas.CANDIDATES, compression="zstd") as writer,
    ):
        for block in ranking.rank(search.memory_mb):
            writer.write_table(_to_table(block, queries.ids, documents.ids))
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
        vectors_stored_in=documents.precision,
        index_recall=recall,
        faiss_device=device,
        index_kept_in=kept_in,
        seconds=seconds,
        searched_again=ranking.searched_again,
        compared_with_all=ranking.compared_with_all,
        incremental=ranking.report,
        summary=summary,
    )


def _read(earlier: EarlierFiles) -> EarlierRankings:
    return EarlierRankings.read(
        earlier.candidates, earlier.searched_documents, earlier.searched_queries, earlier.depth
    )


def _to_table(block: Ranking, query_ids: Ids, document_ids: Ids) -> pa.Table:
    count, depth = block.rows.shape
    is_ranked = (block.rows >= 0).reshape(-1)
    columns = [
        query_ids.take(np.repeat(np.arange(block.first, block.first + count), depth)[is_ranked]),
        document_ids.take(block.rows.reshape(-1)[is_ranked]),
        pa.array(np.tile(np.arange(depth, dtype=np.int32), count)[is_ranked]),
        pa.array(block.scores.reshape(-1)[is_ranked]),
    ]
    return pa.table(columns, schema=schemas.CANDIDATES)
