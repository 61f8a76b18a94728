"""queries: the queries of all splits."""

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
from hn_assets.store import Draft, layout


def make(context: StageContext, draft: Draft) -> Metadata:
    """Write the queries, together with the documents and qrels that fit them."""
    report = ingest_source(context).queries
    for count, problem in (
        (report.unlabelled, "queries have no qrels: left out"),
        (
            report.equal_to_evaluation_query,
            "queries have the text of an evaluation query: left out",
        ),
    ):
        if count:
            context.log.warning(f"{count} {problem}")
    mining = context.settings.mining
    return {
        "dagster/row_count": sum(report.per_split.values()),
        **describe_source(context),
        "queries_per_split": counts(report.per_split, "split"),
        "splits": len(report.per_split),
        # as numbers of their own, which a user interface can chart over time
        **{
            f"queries_{split}": report.per_split[split]
            for split in (mining.split, mining.evaluation_split)
            if split in report.per_split
        },
        "left_out_unlabelled": report.unlabelled,
        "left_out_empty": report.empty,
        "left_out_equal_to_evaluation_query": report.equal_to_evaluation_query,
        "left_out_equal_ids": ", ".join(report.equal_to_evaluation_query_ids) or "none",
        "sample": table(report.sample),
    }


STAGE = Stage(
    writes=(layout.QUERIES,),
    description="The queries: id, text, split.",
    make=make,
    version=2,
    settings=source_settings,
    identify=identify_source,
    kinds=source_kinds,
    operation="source",
)
