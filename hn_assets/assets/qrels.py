"""qrels: which documents answer which queries."""

from hn_assets.pipeline.metadata import Metadata, counts, table
from hn_assets.pipeline.source_inputs import (
    describe_source,
    identify_source,
    ingest_source,
    source_kinds,
    source_settings,
)
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.sources.ingest.report import DROPPED
from hn_assets.store import Draft, layout


def make(context: StageContext, draft: Draft) -> Metadata:
    """Write the qrels, together with the documents and queries that they name."""
    report = ingest_source(context).qrels
    # for the check of whether they name what exists
    draft.info[DROPPED] = report.dropped
    dropped = sum(report.dropped.values())
    if dropped:
        context.log.warning(f"{dropped} qrels were dropped: see the metadata of qrels")
    return {
        "dagster/row_count": sum(report.per_split.values()),
        **describe_source(context),
        "splits": table(
            {
                "split": split,
                "judgements": judgements,
                "queries": report.queries[split],
                "without positives": report.queries_without_positives.get(split, 0),
                # of the queries that have any
                **{
                    f"{name} positives": value
                    for name, value in report.positives_per_query[split].items()
                },
            }
            for split, judgements in report.per_split.items()
        ),
        "judged_not_relevant": report.judged_not_relevant,
        "dropped": dropped,
        "dropped_why": counts(report.dropped, "reason"),
        "dropped_examples": table(
            {"query_id": query, "doc_id": doc, "where": where, "reason": reason}
            for query, doc, where, reason in report.dropped_examples
        ),
    }


STAGE = Stage(
    writes=(layout.QRELS,),
    description="Which documents answer which queries, graded; score <= 0: judged not relevant.",
    make=make,
    version=2,
    settings=source_settings,
    identify=identify_source,
    after=(layout.CORPUS, layout.QUERIES),
    kinds=source_kinds,
    operation="source",
)
