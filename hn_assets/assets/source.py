"""corpus, queries and qrels: one op, which reads a source once and cross-checks its ids."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg

from hn_assets.assets.graph import Graph
from hn_assets.assets.metadata import counts, table
from hn_assets.assets.step import Step
from hn_assets.sources import open_source
from hn_assets.sources.ingest import collect
from hn_assets.sources.ingest_report import CorpusReport, QrelsReport, QueriesReport, SourceReport
from hn_assets.sources.reviewed_labels import ReviewedLabels
from hn_assets.store import layout as s

STAGES = {
    s.CORPUS.stage: "The documents: id, title, text.",
    s.QUERIES.stage: "The queries: id, text, split.",
    s.QRELS.stage: "Which documents answer which queries, graded; score <= 0: judged not relevant.",
}


def build_source(graph: Graph) -> dg.AssetsDefinition:
    """The op that reads, checks and keeps a dataset's raw texts and judgements."""
    mining, reviewed = graph.settings.mining, graph.settings.filters.reviewed_labels
    settings = {
        "source": graph.settings.source.model_dump(mode="json"),
        "reviewed_labels": reviewed,
        "splits": [mining.split, mining.evaluation_split],
    }
    kinds = {graph.settings.source.type.replace("hub", "huggingface"), "parquet"}
    specs = [
        graph.spec(
            stage,
            description,
            deps=(s.CORPUS.stage, s.QUERIES.stage) if stage == s.QRELS.stage else (),
            kinds=kinds,
            settings=settings,
        )
        for stage, description in STAGES.items()
    ]

    @dg.multi_asset(
        name=graph.op_name("source"),
        specs=specs,
        can_subset=True,
    )
    def source(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        with graph.running(context, "source"):
            wanted = [s for s in STAGES if graph.key(s) in context.selected_asset_keys]
            opened = open_source(graph.settings.source, graph.base)
            if reviewed:
                opened = ReviewedLabels(opened, graph.base / Path(reviewed).expanduser())
            steps = {stage: Step(graph, context, stage) for stage in wanted}
            content = opened.fingerprint()
            for step in steps.values():
                step.depends_on(content=content, **settings)
            if content is not None:
                current = [step.current() for step in steps.values()]
                if None not in current:
                    yield from (result for result in current if result is not None)
                    return
            with ExitStack() as stack:
                # all are published, or none: a source that does not fit together changes nothing
                drafts = {
                    stage: stack.enter_context(step.publish()) for stage, step in steps.items()
                }
                report = collect(
                    opened,
                    **{
                        stage: drafts[stage].path(FILE_OF[stage]) if stage in drafts else None
                        for stage in STAGES
                    },
                    mining_split=mining.split,
                    evaluation_split=mining.evaluation_split,
                )
            _warn(context, report)
            described = _describe(report, opened.describe())
            for stage in wanted:
                yield steps[stage].result(drafts[stage], described[stage])

    return source


def _describe(report: SourceReport, location: dict[str, str]) -> dict[str, dict[str, Any]]:
    where = {f"source_{key}": value for key, value in location.items()}
    return {
        s.CORPUS.stage: {**where, **_describe_corpus(report.corpus)},
        s.QUERIES.stage: {**where, **_describe_queries(report.queries)},
        s.QRELS.stage: {**where, **_describe_qrels(report.qrels)},
    }


def _describe_corpus(report: CorpusReport) -> dict[str, Any]:
    return {
        "dagster/row_count": report.documents,
        "documents": report.documents,
        "empty": report.empty,
        "empty_ids": ", ".join(report.empty_ids) or "none",
        "duplicated_texts": report.duplicate_texts,
        "repeated_rows_dropped": report.repeated_rows,
        **{f"words_{name}": value for name, value in report.words.items()},
        "sample": table(report.sample),
    }


def _describe_queries(report: QueriesReport) -> dict[str, Any]:
    return {
        "dagster/row_count": sum(report.per_split.values()),
        "queries_per_split": counts(report.per_split, "split"),
        **{f"queries_{split}": count for split, count in report.per_split.items()},
        "left_out_unlabelled": report.unlabelled,
        "left_out_empty": report.empty,
        "left_out_equal_to_evaluation_query": report.leaked,
        "left_out_equal_ids": ", ".join(report.leaked_ids) or "none",
        "sample": table(report.sample),
    }


def _describe_qrels(report: QrelsReport) -> dict[str, Any]:
    return {
        "dagster/row_count": sum(report.pairs.values()),
        "splits": table(
            {
                "split": split,
                "pairs": pairs,
                "queries": report.queries[split],
                "without positives": report.queries_without_positives.get(split, 0),
                # of the queries that have any
                **{
                    f"{name} positives": value
                    for name, value in report.positives_per_query[split].items()
                },
            }
            for split, pairs in report.pairs.items()
        ),
        "judged_not_relevant": report.judged_not_relevant,
        "dropped": sum(report.dropped.values()),
        "dropped_why": counts(report.dropped, "reason"),
        "dropped_examples": table(
            {"query_id": query, "doc_id": doc, "where": where, "reason": reason}
            for query, doc, where, reason in report.dropped_examples
        ),
    }


def _warn(context: dg.AssetExecutionContext, report: SourceReport) -> None:
    for count, what in (
        (report.corpus.empty, "documents are empty: kept, never chosen as negatives"),
        (report.queries.unlabelled, "queries have no qrels: left out"),
        (report.queries.leaked, "queries have the text of an evaluation query: left out"),
        (sum(report.qrels.dropped.values()), "qrels were dropped: see the metadata of qrels"),
    ):
        if count:
            context.log.warning(f"{count} {what}")
