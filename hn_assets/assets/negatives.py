"""hard_negatives: what was chosen, with rank, score and the positives it was judged against."""

from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets import stages as s
from hn_assets import tables
from hn_assets.assets.graph import Graph
from hn_assets.assets.metadata import counts, distribution, table
from hn_assets.assets.run_config import apply_run_config, run_config_class
from hn_assets.assets.samples import read_texts
from hn_assets.assets.step import Step
from hn_assets.encoding.vectors import VectorTable
from hn_assets.errors import StoreError
from hn_assets.mining.mine import Miner, MiningReport
from hn_assets.mining.settings import MiningSettings
from hn_assets.mining.texts import number_texts
from hn_assets.search.ranking import pair_scores
from hn_assets.text import shorten

ROWS_PER_GROUP = 100_000
SAMPLED_QUERIES, SAMPLED_NEGATIVES = 6, 3


def build_hard_negatives(graph: Graph) -> dg.AssetsDefinition:
    """The asset that mines a dataset's candidates."""
    # which split is mined decides what was encoded and searched: that is for the YAML
    names = ("range", "window", "negatives", "sampling", "seed", "on_shortage")
    config_class = run_config_class(graph.settings.mining, *names)

    @graph.asset(
        s.HARD_NEGATIVES,
        "The chosen negatives of every mined query, by query id and rank.",
        deps=(
            s.CANDIDATES,
            s.CORPUS_EMBEDDINGS,
            s.QUERY_EMBEDDINGS,
            s.CORPUS,
            s.QUERIES,
            s.QRELS,
        ),
        kinds={"pandas", "parquet"},
        settings=graph.settings.mining.model_dump(mode="json"),
    )
    def hard_negatives(
        context: dg.AssetExecutionContext,
        config: config_class,  # type: ignore[valid-type]
    ) -> dg.MaterializeResult:
        with graph.running(context, s.HARD_NEGATIVES):
            settings = apply_run_config(graph.settings.mining, config)
            step = Step(graph, context, s.HARD_NEGATIVES)
            corpus, queries_file, qrels_file, candidates, document_vectors, query_vectors = (
                step.input(stage)
                for stage in (
                    s.CORPUS,
                    s.QUERIES,
                    s.QRELS,
                    s.CANDIDATES,
                    s.CORPUS_EMBEDDINGS,
                    s.QUERY_EMBEDDINGS,
                )
            )
            step.depends_on(mining=settings.model_dump(mode="json"))
            if (current := step.current()) is not None:
                return current
            qrels, queries = pd.read_parquet(qrels_file), pd.read_parquet(queries_file)
            # as the model read the passages, which a run's configuration may have changed
            with_title = graph.store.stage(s.CORPUS_EMBEDDINGS).require().info["with_title"]
            depth = int(graph.store.stage(s.CANDIDATES).require().info["depth"])
            if settings.range[1] > depth:
                context.log.warning(
                    f"mining.range ends at {settings.range[1]}, the rankings at {depth}: "
                    f"materialize candidates with a greater depth for the whole range"
                )
            texts = number_texts(corpus, queries_file, with_title=with_title)
            miner = Miner(qrels, queries, texts, settings)
            chosen = pd.concat(
                [miner.mine(block) for block in tables.read_query_blocks(candidates)]
            )
            report = miner.report()
            chosen = chosen.sort_values(["query_id", "rank"], kind="stable", ignore_index=True)
            vectors = VectorTable(query_vectors), VectorTable(document_vectors)
            judged = _judge(*vectors, chosen, qrels, settings)
            with step.publish() as draft:
                _write(judged, draft.path(s.FILES[s.HARD_NEGATIVES]))
                draft.info["negatives"] = settings.negatives
                draft.info["with_title"] = with_title
            if report.too_few or report.none:
                context.log.warning(
                    f"{report.too_few} of {report.queries} queries have fewer than "
                    f"{settings.negatives} negatives and {report.none} have none "
                    f"({', '.join(report.short_queries[:5])}); nothing was padded"
                )
            metadata = _describe(corpus, judged, queries, report, settings)
            return step.result(draft, metadata)

    return hard_negatives


def _write(judged: pd.DataFrame, path: Path) -> None:
    with pq.ParquetWriter(path, tables.HARD_NEGATIVES, compression="zstd") as writer:
        for first in range(0, len(judged), ROWS_PER_GROUP):
            rows = judged.iloc[first : first + ROWS_PER_GROUP]
            writer.write_table(
                pa.Table.from_pandas(
                    rows, schema=tables.HARD_NEGATIVES, preserve_index=False
                ).replace_schema_metadata(None)
            )


def _judge(
    queries: VectorTable,
    documents: VectorTable,
    chosen: pd.DataFrame,
    qrels: pd.DataFrame,
    settings: MiningSettings,
) -> pd.DataFrame:
    """Put beside every negative the positives of its query and their scores."""
    mined = set(chosen.query_id)
    positives = qrels[
        (qrels.score > 0) & (qrels.split == settings.split) & qrels.query_id.isin(mined)
    ].sort_values(["query_id", "doc_id"])
    query_rows = pd.Index(queries.ids).get_indexer(pd.Index(positives.query_id))
    document_rows = pd.Index(documents.ids).get_indexer(pd.Index(positives.doc_id))
    if (query_rows < 0).any() or (document_rows < 0).any():
        raise StoreError(
            "qrels name queries or documents that have no vector: materialize the embeddings, "
            "faiss_index and candidates again"
        )
    scores = pair_scores(
        queries, query_rows.astype(np.int64), documents, document_rows.astype(np.int64)
    )
    by_query = (
        positives.assign(positive_scores=scores)
        .groupby("query_id")
        .agg(positive_ids=("doc_id", list), positive_scores=("positive_scores", list))
    )
    return chosen.join(by_query, on="query_id")


def _describe(
    corpus: Path,
    judged: pd.DataFrame,
    queries: pd.DataFrame,
    report: MiningReport,
    settings: MiningSettings,
) -> dict[str, Any]:
    per_query = judged.groupby("query_id").size()
    gap = judged.positive_scores.map(max) - judged.score
    return {
        "dagster/row_count": len(judged),
        "queries": report.queries,
        "queries_with_enough": report.enough,
        "queries_with_too_few": report.too_few,
        "queries_with_none": report.none,
        "queries_dropped": report.dropped,
        "queries_without_positives": report.without_positives,
        "short_queries": ", ".join(report.short_queries) or "none",
        "excluded": counts(report.excluded, "reason"),
        "settings": settings.model_dump(mode="json"),
        "negatives_wanted": settings.negatives,
        **distribution(per_query.to_numpy(), "negatives_per_query"),
        **distribution(judged["rank"].to_numpy(), "rank"),
        **distribution(judged.score.to_numpy(), "score"),
        **distribution(gap.to_numpy(), "best_positive_minus_negative"),
        "samples": _samples(corpus, judged, queries),
    }


def _samples(corpus: Path, judged: pd.DataFrame, queries: pd.DataFrame) -> dg.MetadataValue | str:
    """A few queries, spread over all, each with a positive and its first negatives."""
    ids = judged.query_id.unique()
    picked = ids[:: max(1, len(ids) // SAMPLED_QUERIES)][:SAMPLED_QUERIES]
    shown = judged[judged.query_id.isin(set(picked))].groupby("query_id").head(SAMPLED_NEGATIVES)
    wanted = {*shown.doc_id, *(positives[0] for positives in shown.positive_ids)}
    passages = read_texts(corpus, wanted)
    asked = queries.set_index("id").text
    return table(
        {
            "query": asked[row["query_id"]],
            "negative": shorten(f"[{row['doc_id']}] {passages[row['doc_id']]}", 120),
            "rank": row["rank"],
            "score": round(row["score"], 4),
            "positive": shorten(passages[row["positive_ids"][0]], 120),
            "positive score": round(float(row["positive_scores"][0]), 4),
        }
        for row in shown.to_dict("records")
    )
