"""false_negative_audit: how many known positives would have been mined, by method."""

import base64
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.assets.graph import Graph
from hn_assets.assets.inputs import (
    load_dataset,
    open_holdout,
    read_calibration,
    read_inputs,
    upstream,
)
from hn_assets.assets.metadata import table
from hn_assets.assets.step import Step
from hn_assets.mining.holdout.audit import CHOSEN, Audit, audit
from hn_assets.mining.plan import make_plan
from hn_assets.report.frontier import PICTURE_FILE, draw_frontier
from hn_assets.store import layout as s


def build_audit(graph: Graph) -> dg.AssetsDefinition:
    """The asset that measures what a dataset's settings, and others, do with hidden positives."""
    mining, negatives = graph.settings.mining, graph.settings.filters
    settings = {
        "negatives": negatives.model_dump(mode="json"),
        "mining": mining.model_dump(mode="json"),
    }

    @graph.asset(
        s.FALSE_NEGATIVE_AUDIT.stage,
        "Leak (hidden positives among the negatives), hardness and yield of these settings and of "
        "others.",
        deps=upstream(graph),
        kinds={"scikitlearn", "parquet"},
        settings=settings,
    )
    def false_negative_audit(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with graph.running(context, s.FALSE_NEGATIVE_AUDIT.stage):
            step = Step(graph, context, s.FALSE_NEGATIVE_AUDIT.stage)
            files = read_inputs(step)
            plan = make_plan(mining, negatives, read_calibration(graph, step))
            step.depends_on(**settings)
            if (current := step.current()) is not None:
                return current
            mine = load_dataset(graph, files, mining.split)
            found = audit(open_holdout(mine, files, mining.seed), plan)
            if found.note:
                context.log.warning(found.note)
            picture = b""
            with step.publish() as draft:
                rows = pa.Table.from_pandas(found.methods, preserve_index=False)
                path = draft.path(s.FALSE_NEGATIVE_AUDIT.name)
                pq.write_table(rows.replace_schema_metadata(None), path)
                if found.queries:
                    title = f"{graph.name}: {found.queries} queries, {found.repeats} hidings each"
                    picture = draw_frontier(found.methods, title)
                    draft.path(PICTURE_FILE).write_bytes(picture)
            return step.result(draft, {"plan": plan.note, **_describe(found, picture)})

    return false_negative_audit


def _describe(found: Audit, picture: bytes) -> dict[str, Any]:
    described: dict[str, Any] = {
        "queries_with_two_positives": found.queries,
        "hidings_of_each_query": found.repeats,
        "not_measured": found.note or "nothing is missing",
    }
    if not found.queries:
        return described
    image = base64.b64encode(picture).decode()
    own = found.methods[found.methods.method == CHOSEN].to_dict("records")
    for row in own:
        described |= {
            "leak": round(row["leak"], 5),
            "leak_95_percent": f"{row['leak_low']:.3%} to {row['leak_high']:.3%}",
            "hardness_mean_score": round(row["mean_score"], 4),
            "hardness_mean_rank": round(row["mean_rank"], 1),
            "hardness_mean_score_minus_positive": round(row["mean_score_minus_positive"], 4),
            "queries_with_enough": round(row["full"], 4),
        }
    return {
        **described,
        "leak_against_hardness": dg.MetadataValue.md(
            f"![leak against hardness](data:image/png;base64,{image})"
        ),
        "methods": table(
            {
                "method": row["method"],
                "leak %": round(100 * row["leak"], 3),
                "95 % interval": f"{100 * row['leak_low']:.2f} - {100 * row['leak_high']:.2f}",
                "mean score": round(row["mean_score"], 4),
                "mean rank": round(row["mean_rank"], 1),
                "queries with enough %": round(100 * row["full"], 1),
            }
            for row in found.methods.to_dict("records")
        ),
    }
