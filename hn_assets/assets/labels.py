"""likely_missing_labels: rejected candidates that a person should look at."""

import dagster as dg

from hn_assets.assets.graph import Graph
from hn_assets.assets.metadata import table
from hn_assets.assets.samples import read_texts
from hn_assets.assets.step import Step
from hn_assets.mining.output.explain import LEDGER_FILE
from hn_assets.mining.output.missing_labels import likely_missing, write_for_review
from hn_assets.store import layout as s
from hn_assets.store.tables import read_rows
from hn_assets.text import shorten

SHOWN = 5


def build_likely_missing_labels(graph: Graph) -> dg.AssetsDefinition:
    """The asset that lists what looks most like a positive and is not labelled."""

    @graph.asset(
        s.LIKELY_MISSING_LABELS.stage,
        "Rejected candidates that look most like positives, the likeliest first, as a CSV to fill "
        "in: filters.reviewed_labels takes it back.",
        deps=(s.HARD_NEGATIVES.stage,),
        kinds={"pandas", "csv"},
        settings={},
    )
    def likely_missing_labels(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with graph.running(context, s.LIKELY_MISSING_LABELS.stage):
            step = Step(graph, context, s.LIKELY_MISSING_LABELS.stage)
            ledger = step.input(s.HARD_NEGATIVES.stage, LEDGER_FILE)
            corpus, queries, qrels = (
                step.input(i) for i in (s.CORPUS.stage, s.QUERIES.stage, s.QRELS.stage)
            )
            if (current := step.current()) is not None:
                return current
            found = likely_missing(ledger)
            asked = set(found.query_id)
            positives: dict[str, str] = {}
            for row in read_rows(qrels, ["query_id", "doc_id", "score"]):
                if row["query_id"] in asked and row["score"] > 0:
                    positives.setdefault(row["query_id"], row["doc_id"])
            texts = read_texts(corpus, {*found.doc_id, *positives.values()})
            questions = {
                row["id"]: row["text"]
                for row in read_rows(queries, ["id", "text"])
                if row["id"] in asked
            }
            with step.publish() as draft:
                write_for_review(
                    found,
                    draft.folder,
                    queries=questions,
                    passages=texts,
                    positives={query: texts[doc] for query, doc in positives.items()},
                )
            return step.result(
                draft,
                {
                    "dagster/row_count": len(found),
                    "queries": len(asked),
                    "ordered_by": "the calibrated probability of relevance"
                    if found.probability.notna().any()
                    else "margin to the positives + cosine to the nearest of them",
                    "likeliest": table(
                        {
                            "query": shorten(questions[row["query_id"]], 120),
                            "passage": shorten(f"[{row['doc_id']}] {texts[row['doc_id']]}", 120),
                            "relevance_estimate": round(row["relevance_estimate"], 4),
                            "rank": row["rank"],
                            "rejected as": row["outcome"],
                        }
                        for row in found.head(SHOWN).to_dict("records")
                    ),
                },
            )

    return likely_missing_labels
