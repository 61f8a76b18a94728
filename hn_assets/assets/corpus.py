"""corpus: the documents."""

from hn_assets.pipeline.metadata import Metadata, table
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
    """Write the documents, together with the queries and qrels that fit them."""
    report = ingest_source(context).corpus
    if report.empty:
        context.log.warning(f"{report.empty} documents are empty: kept, never chosen as negatives")
    return {
        "dagster/row_count": report.documents,
        **describe_source(context),
        "documents": report.documents,
        "empty": report.empty,
        "empty_ids": ", ".join(report.empty_ids) or "none",
        "duplicated_texts": report.duplicate_texts,
        "repeated_rows_dropped": report.repeated_rows,
        **{f"words_{name}": value for name, value in report.words.items()},
        "sample": table(report.sample),
    }


STAGE = Stage(
    writes=(layout.CORPUS,),
    description="The documents: id, title, text.",
    make=make,
    version=2,
    settings=source_settings,
    identify=identify_source,
    kinds=source_kinds,
    operation="source",
)
