"""candidates: the ranking of every query, to the wanted depth."""

import time
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets import tables
from hn_assets.assets import graph as g
from hn_assets.assets.embeddings import VECTORS_FILE
from hn_assets.assets.metadata import distribution, table
from hn_assets.assets.run_config import apply_run_config, run_config_class
from hn_assets.encoding.vectors import VectorTable
from hn_assets.errors import SearchError
from hn_assets.mining.settings import MiningSettings
from hn_assets.search.index import (
    IDS_FILE,
    INDEX_FILE,
    apply_search_parameters,
    is_flat,
    open_index,
)
from hn_assets.search.quality import recall_of_positives
from hn_assets.search.ranking import Ranking, Searcher, place_index, recall_against_exact
from hn_assets.search.settings import SearchSettings

CANDIDATES_FILE = "candidates.parquet"


def build_candidates(graph: g.Graph) -> dg.AssetsDefinition:
    """The asset that searches the index with every query of a dataset."""
    config_class = run_config_class(
        graph.settings.search, "search_parameters", "depth", "query_block"
    )

    @graph.asset(
        g.CANDIDATES,
        "The best documents of every query: rank (from 0) and score.",
        deps=(g.FAISS_INDEX, g.CORPUS_EMBEDDINGS, g.QUERY_EMBEDDINGS, g.QRELS),
        kinds={"faiss", "parquet"},
        code_version="1",
        computes=True,
    )
    def candidates(
        context: dg.AssetExecutionContext,
        config: config_class,  # type: ignore[valid-type]
    ) -> dg.MaterializeResult:
        with graph.explained_errors():
            settings = apply_run_config(graph.settings.search, config)
            choice = graph.compute(context).choose_faiss_device()
            _check_same_space(graph)
            store = graph.store
            documents = VectorTable(store.stage(g.CORPUS_EMBEDDINGS).file(VECTORS_FILE))
            queries = VectorTable(store.stage(g.QUERY_EMBEDDINGS).file(VECTORS_FILE))
            qrels = pd.read_parquet(store.stage(g.QRELS).file("qrels.parquet"))
            index_stage = store.stage(g.FAISS_INDEX)
            index = open_index(index_stage.file(INDEX_FILE), index_stage.file(IDS_FILE), documents)
            apply_search_parameters(index, settings.search_parameters)
            wanted = wanted_depth(settings, graph.settings.mining, qrels)
            depth = min(wanted, len(documents))
            if depth < wanted:
                context.log.warning(
                    f"the corpus has {depth} documents, fewer than the wanted depth {wanted}: "
                    f"rankings hold all of it"
                )
            is_exact = is_flat(index)
            index, choice = place_index(index, choice, depth)
            if choice.fell_back:
                context.log.warning(f"FAISS searches on the CPU, not on a GPU: {choice.reason}")
            searcher = Searcher(index, documents, choice.value, is_exact=is_exact)
            start = time.perf_counter()
            recall = None
            with store.stage(g.CANDIDATES).publish() as draft:
                path = draft.path(CANDIDATES_FILE)
                with pq.ParquetWriter(path, tables.CANDIDATES, compression="zstd") as writer:
                    document_ids = pa.array(documents.ids, pa.string())
                    for block in searcher.rank(queries, depth, settings.query_block):
                        writer.write_table(_to_table(block, queries.ids, document_ids))
                        if recall is None and not searcher.is_exact:
                            recall = recall_against_exact(block, queries, documents)
                        done = block.first + len(block.rows)
                        context.log.info(f"searched {done:,} of {len(queries):,} queries")
                seconds = time.perf_counter() - start
                draft.info.update(
                    {
                        stage: store.stage(stage).require().version
                        for stage in (g.CORPUS_EMBEDDINGS, g.QUERY_EMBEDDINGS, g.FAISS_INDEX)
                    }
                )
                metadata = _describe(path, qrels, depth)
            return graph.result(
                g.CANDIDATES,
                draft,
                {
                    "depth": depth,
                    "depth_wanted": wanted,
                    "queries": len(queries),
                    "faiss_device": choice.value,
                    "faiss_device_reason": choice.reason,
                    "search_seconds": round(seconds, 3),
                    "index_recall": 1.0 if recall is None else round(recall, 4),
                    "index_recall_is": "exact by construction"
                    if recall is None
                    else "of the documents exact search finds, on a sample of 200 queries",
                    **metadata,
                },
            )

    return candidates


def wanted_depth(settings: SearchSettings, mining: MiningSettings, qrels: pd.DataFrame) -> int:
    """The depth asked for, or what the mining range needs with all positives taken out."""
    if settings.depth is not None:
        return settings.depth
    if mining.window == "before_positives":
        return mining.range[1]
    mined = qrels[(qrels.score > 0) & (qrels.split == mining.split)]
    most = int(mined.groupby("query_id").size().max()) if len(mined) else 0
    return mining.range[1] + most


def _check_same_space(graph: g.Graph) -> None:
    """Refuse to compare vectors that different models made, or an index of older vectors."""
    stages = {
        stage: graph.store.stage(stage).require()
        for stage in (g.CORPUS_EMBEDDINGS, g.QUERY_EMBEDDINGS, g.FAISS_INDEX)
    }
    documents = stages[g.CORPUS_EMBEDDINGS].info["space"]
    queries = stages[g.QUERY_EMBEDDINGS].info["space"]
    for part in documents:
        if documents[part] != queries[part]:
            raise SearchError(
                f"corpus_embeddings and query_embeddings do not fit together: {part} is "
                f"{documents[part]} for documents and {queries[part]} for queries; materialize "
                f"both with the same model, then faiss_index"
            )
    made_from = stages[g.FAISS_INDEX].info.get(g.CORPUS_EMBEDDINGS)
    if made_from != stages[g.CORPUS_EMBEDDINGS].version:
        raise SearchError(
            "faiss_index was built from other vectors than corpus_embeddings now holds; "
            "materialize faiss_index again"
        )


def _to_table(block: Ranking, query_ids: list[str], document_ids: pa.Array) -> pa.Table:
    count, depth = block.rows.shape
    found = (block.rows >= 0).reshape(-1)
    ids = pa.array(query_ids[block.first : block.first + count], pa.string())
    columns = [
        ids.take(pa.array(np.repeat(np.arange(count), depth)[found])),
        document_ids.take(pa.array(block.rows.reshape(-1)[found])),
        pa.array(np.tile(np.arange(depth, dtype=np.int32), count)[found]),
        pa.array(block.scores.reshape(-1)[found]),
    ]
    return pa.table(columns, schema=tables.CANDIDATES)


def _describe(path: Path, qrels: pd.DataFrame, depth: int) -> dict[str, Any]:
    ranked = pd.read_parquet(path)
    cutoffs = sorted({k for k in (1, 10, 100) if k < depth} | {depth})
    recall = recall_of_positives(ranked, qrels, cutoffs)
    figures = {
        f"{row['split']}_{name}": row[name]
        for row in recall.to_dict("records")
        for name in recall.columns
        if str(name).startswith("recall@")
    }
    by_rank = (
        {"rank": rank, **distribution(ranked.score[ranked["rank"] == rank].to_numpy(), "score")}
        for rank in sorted({0, 9, 99, depth - 1})
        if rank < depth
    )
    return {
        "dagster/row_count": len(ranked),
        "recall_of_positives": table(
            {str(key): value for key, value in row.items()} for row in recall.to_dict("records")
        ),
        **{str(name).replace("@", "_at_"): value for name, value in figures.items()},
        "scores_by_rank": table(by_rank),
        **distribution(ranked.score.to_numpy(), "score"),
    }
