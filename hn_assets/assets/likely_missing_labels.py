"""likely_missing_labels: rejected candidates that a person should look at."""

from hn_assets.mining.output.missing_labels import (
    likely_missing,
    read_review_texts,
    write_for_review,
)
from hn_assets.pipeline.metadata import Metadata, table
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.store import Draft, layout
from hn_assets.text import shorten

SHOWN_ROWS, SHOWN_CHARACTERS = 5, 120


def make(context: StageContext, draft: Draft) -> Metadata:
    """List them with query, passage and a known positive to compare with."""
    found = likely_missing(context.input(layout.LEDGER))
    texts = read_review_texts(
        found,
        corpus=context.input(layout.CORPUS),
        queries=context.input(layout.QUERIES),
        qrels=context.input(layout.QRELS),
    )
    write_for_review(found, draft.folder, texts)
    return {
        "dagster/row_count": len(found),
        "queries": len(texts.queries),
        "ordered_by": "the calibrated probability of relevance"
        if found.probability.notna().any()
        else "margin to the positives + cosine to the nearest of them",
        "likeliest": table(
            {
                "query": shorten(texts.queries[row["query_id"]], SHOWN_CHARACTERS),
                "passage": shorten(
                    f"[{row['doc_id']}] {texts.passages[row['doc_id']]}", SHOWN_CHARACTERS
                ),
                "relevance_estimate": round(row["relevance_estimate"], 4),
                "rank": row["rank"],
                "rejected as": row["outcome"],
            }
            for row in found.head(SHOWN_ROWS).to_dict("records")
        ),
    }


STAGE = Stage(
    writes=(layout.LIKELY_MISSING_LABELS, layout.LIKELY_MISSING_LABELS_CSV),
    description=(
        "Rejected candidates that look most like positives, the likeliest first, as a CSV to fill "
        "in: filters.reviewed_labels takes it back."
    ),
    make=make,
    version=1,
    reads=(layout.LEDGER, layout.CORPUS, layout.QUERIES, layout.QRELS),
    kinds=lambda settings: {"pandas", "csv"},
)
