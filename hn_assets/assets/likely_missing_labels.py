"""likely_missing_labels: rejected candidates that a person should look at."""

from hn_assets.mining.output.missing_labels import likely_missing, write_for_review
from hn_assets.pipeline.metadata import Metadata, table
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_run import StageRun
from hn_assets.store import Draft, layout
from hn_assets.store.tables import read_rows, read_texts
from hn_assets.text import shorten

SHOWN_ROWS, SHOWN_CHARACTERS = 5, 120


def make(run: StageRun, draft: Draft) -> Metadata:
    """List them with query, passage and a known positive to compare with."""
    found = likely_missing(run.input(layout.LEDGER))
    wanted = set(found.query_id)
    positives: dict[str, str] = {}
    for row in read_rows(run.input(layout.QRELS), ["query_id", "doc_id", "score"]):
        if row["query_id"] in wanted and row["score"] > 0:
            positives.setdefault(row["query_id"], row["doc_id"])
    passages = read_texts(run.input(layout.CORPUS), {*found.doc_id, *positives.values()})
    queries = {
        row["id"]: row["text"]
        for row in read_rows(run.input(layout.QUERIES), ["id", "text"])
        if row["id"] in wanted
    }
    write_for_review(
        found,
        draft.folder,
        queries=queries,
        passages=passages,
        positives={query: passages[doc] for query, doc in positives.items()},
    )
    return {
        "dagster/row_count": len(found),
        "queries": len(wanted),
        "ordered_by": "the calibrated probability of relevance"
        if found.probability.notna().any()
        else "margin to the positives + cosine to the nearest of them",
        "likeliest": table(
            {
                "query": shorten(queries[row["query_id"]], SHOWN_CHARACTERS),
                "passage": shorten(
                    f"[{row['doc_id']}] {passages[row['doc_id']]}", SHOWN_CHARACTERS
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
