"""candidates: the ranking of every query, to the wanted depth."""

import time
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.assets.graph import Graph
from hn_assets.assets.metadata import distribution, table
from hn_assets.assets.run_config import apply_run_config, run_config_class
from hn_assets.assets.step import Step
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.errors import SearchError, StoreError
from hn_assets.retrieval.faiss_index import (
    IDS_FILE,
    INDEX_FILE,
    apply_search_parameters,
    is_flat,
    open_index,
)
from hn_assets.retrieval.incremental_ranking import Earlier, Refresh, write_searched
from hn_assets.retrieval.ranking_summary import RankingSummary
from hn_assets.retrieval.searcher import Ranking, Searcher, place_index, recall_against_exact
from hn_assets.settings.mining import DEFAULT_RANGE, MiningSettings
from hn_assets.settings.search import SearchSettings
from hn_assets.store import layout as s
from hn_assets.store import tables

if TYPE_CHECKING:
    import pandas as pd

# which vectors were ranked, so that the next run knows what has changed
DOCUMENTS_FILE, QUERIES_FILE = "documents.parquet", "queries.parquet"


def build_candidates(graph: Graph) -> dg.AssetsDefinition:
    """The asset that searches the index with every query of a dataset."""
    config_class = run_config_class(
        graph.settings.search, "search_parameters", "depth", "memory_mb"
    )

    @graph.asset(
        s.CANDIDATES.stage,
        "The best documents of every query: rank (from 0) and score.",
        deps=(s.FAISS_INDEX.stage, s.QUERY_EMBEDDINGS.stage, s.QRELS.stage),
        kinds={"faiss", "parquet"},
        settings={
            "parameters": graph.settings.search.search_parameters,
            "depth": graph.settings.search.depth
            or [graph.settings.mining.range_or(DEFAULT_RANGE)[1], "positives"],
        },
        computes=True,
    )
    def candidates(
        context: dg.AssetExecutionContext,
        config: config_class,  # type: ignore[valid-type]
    ) -> dg.MaterializeResult:
        import pandas as pd

        with graph.running(context, s.CANDIDATES.stage):
            settings = apply_run_config(graph.settings.search, config)
            choice = graph.compute(context).choose_faiss_device()
            _check_same_space(graph)
            step = Step(graph, context, s.CANDIDATES.stage)
            documents = VectorTable(step.input(s.CORPUS_EMBEDDINGS.stage))
            queries = VectorTable(step.input(s.QUERY_EMBEDDINGS.stage))
            qrels = pd.read_parquet(step.input(s.QRELS.stage))
            index_files = (
                step.input(s.FAISS_INDEX.stage, INDEX_FILE),
                step.input(s.FAISS_INDEX.stage, IDS_FILE),
            )
            wanted = wanted_depth(settings, graph.settings.mining, qrels)
            step.depends_on(depth=wanted, parameters=settings.search_parameters)
            if (current := step.current()) is not None:
                return current
            index = open_index(*index_files, documents)
            apply_search_parameters(index, settings.search_parameters)
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
            summary = RankingSummary(qrels, queries, documents, depth)
            earlier = _read_earlier(step, wanted) if is_exact else None
            refresh = Refresh(searcher, documents, queries, wanted, earlier)
            with step.publish() as draft:
                path = draft.path(s.CANDIDATES.name)
                with pq.ParquetWriter(path, tables.CANDIDATES, compression="zstd") as writer:
                    document_ids = pa.array(documents.ids, pa.string())
                    for block in refresh.rank(settings.memory_mb):
                        writer.write_table(_to_table(block, queries.ids, document_ids))
                        summary.add(block)
                        if recall is None and not searcher.is_exact:
                            recall = recall_against_exact(block, queries, documents)
                        done = block.first + len(block.rows)
                        context.log.info(f"searched {done:,} of {len(queries):,} queries")
                seconds = time.perf_counter() - start
                write_searched(documents, draft.path(DOCUMENTS_FILE))
                write_searched(queries, draft.path(QUERIES_FILE))
                found = _recall_of_mined(summary, depth, graph.settings.mining.split)
                draft.info.update(
                    depth=depth,
                    depth_wanted=wanted,
                    exact=is_exact,
                    index_recall=recall,
                    recall_of_mined=found,
                )
            return step.result(
                draft,
                {
                    "depth": depth,
                    "depth_wanted": wanted,
                    "queries": len(queries),
                    "faiss_device": choice.value,
                    "faiss_device_reason": choice.reason,
                    "search_seconds": round(seconds, 3),
                    "queries_searched": refresh.report.searched,
                    "queries_kept_and_merged": refresh.report.merged,
                    "documents_new": refresh.report.new_documents,
                    "documents_gone": refresh.report.gone_documents,
                    "index_recall": 1.0 if recall is None else round(recall, 4),
                    "index_recall_is": "exact by construction"
                    if recall is None
                    else "of the documents exact search finds, on a sample of 200 queries",
                    **_describe(summary, depth),
                },
            )

    return candidates


def wanted_depth(settings: SearchSettings, mining: MiningSettings, qrels: "pd.DataFrame") -> int:
    """The depth asked for, or what the mining range needs with all positives taken out."""
    if settings.depth is not None:
        return settings.depth
    if mining.range_counts == "including_positives":
        return mining.range_or(DEFAULT_RANGE)[1]
    mined = qrels[(qrels.score > 0) & (qrels.split == mining.split)]
    most = int(mined.groupby("query_id").size().max()) if len(mined) else 0
    return mining.range_or(DEFAULT_RANGE)[1] + most


def _check_same_space(graph: Graph) -> None:
    """Refuse to compare vectors that different models made, or an index of older vectors."""
    stages = {
        stage: graph.store.stage(stage).require()
        for stage in (s.CORPUS_EMBEDDINGS.stage, s.QUERY_EMBEDDINGS.stage, s.FAISS_INDEX.stage)
    }
    documents = stages[s.CORPUS_EMBEDDINGS.stage].info["space"]
    queries = stages[s.QUERY_EMBEDDINGS.stage].info["space"]
    for part in documents:
        if documents[part] != queries[part]:
            raise SearchError(
                f"corpus_embeddings and query_embeddings do not fit together: {part} is "
                f"{documents[part]} for documents and {queries[part]} for queries; materialize "
                f"both with the same model, then faiss_index"
            )
    made_from = stages[s.FAISS_INDEX.stage].info["made_from"]
    if made_from[s.CORPUS_EMBEDDINGS.stage] != stages[s.CORPUS_EMBEDDINGS.stage].version:
        raise SearchError(
            "faiss_index was built from other vectors than corpus_embeddings now holds; "
            "materialize faiss_index again"
        )


def _read_earlier(step: Step, depth: int) -> Earlier | None:
    """The rankings there are, if they are of the same depth, exact, and whole."""
    try:
        manifest = step.place.verified()
        if manifest is None or not manifest.info["exact"]:
            return None
        if manifest.info["depth_wanted"] != depth:
            return None
        names = (s.CANDIDATES.name, DOCUMENTS_FILE, QUERIES_FILE)
        return Earlier.read(*(step.place.file(name) for name in names), depth=depth)
    except StoreError as error:
        step.log.warning(f"{error}: everything is searched again")
        return None


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


def _recall_of_mined(summary: RankingSummary, depth: int, split: str) -> float | None:
    """The recall at full depth of the queries that are mined; None where there are none."""
    recall = summary.recall([depth])
    found = recall[recall.split == split][f"recall@{depth}"].to_list()
    return float(found[0]) if found else None


def _describe(summary: RankingSummary, depth: int) -> dict[str, Any]:
    recall = summary.recall(sorted({k for k in (1, 10, 100) if k < depth} | {depth}))
    rows = [{str(key): value for key, value in row.items()} for row in recall.to_dict("records")]
    return {
        "dagster/row_count": len(summary),
        "recall_of_positives": table(rows),
        **{
            f"{row['split']}_{name.replace('@', '_at_')}": value
            for row in rows
            for name, value in row.items()
            if name.startswith("recall@")
        },
        "scores_by_rank": table(
            {"rank": rank, **distribution(scores, "score")}
            for rank, scores in summary.scores_by_rank().items()
        ),
        **distribution(summary.scores(), "score"),
    }
