"""false_negative_audit: how many known positives each way of mining would take as negatives."""

import math

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.mining.holdout.audit import CHOSEN, Audit, describe_method
from hn_assets.mining.plan import resolved_plan
from hn_assets.pipeline.metadata import Metadata, picture, table
from hn_assets.pipeline.mining_inputs import (
    PLAN_INPUTS,
    model_of_relevance,
    open_mining_session,
)
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.report.rate_against_hardness import draw_rate_against_hardness
from hn_assets.store import Draft, layout


def make(context: StageContext, draft: Draft) -> Metadata:
    """Measure these settings, and the methods that people use, on hidden positives."""
    session = open_mining_session(context)
    found = session.audit()
    if found.note:
        context.log.warning(found.note)
    rows = pa.Table.from_pandas(found.methods, preserve_index=False)
    path = draft.path(layout.FALSE_NEGATIVE_AUDIT.name)
    pq.write_table(rows.replace_schema_metadata(None), path)
    chart = b""
    if found.queries:
        title = (
            f"{context.dataset.name}: {found.queries} queries, {found.repeats} hold-outs of each"
        )
        chart = draw_rate_against_hardness(found.methods, title)
        draft.path(layout.AUDIT_CHART.name).write_bytes(chart)
    return {
        "plan": session.plan.note,
        **_describe(found, chart),
        **model_of_relevance(context.settings),
    }


def _describe(found: Audit, chart: bytes) -> Metadata:
    described = {
        "queries_with_two_positives": found.queries,
        "hold_outs_of_each_query": found.repeats,
        "not_measured": found.note or "nothing is missing",
    }
    if not found.queries:
        return described
    own = found.methods[found.methods.method == CHOSEN].to_dict("records")
    for row in own:
        described |= {
            "false_negative_rate": round(row["rate"], 5),
            "false_negative_rate_95_percent": f"{row['rate_low']:.3%} to {row['rate_high']:.3%}",
            "false_negative_rate_kind": "measured",
            "hardness_mean_score": round(row["mean_score"], 4),
            "hardness_mean_rank": _rounded(row["mean_rank"]),
            "hardness": _rounded(row["hardness"], 4),
            "random_share": round(row["random_share"], 4),
            "hardness_mean_score_minus_positive": round(row["mean_score_minus_positive"], 4),
            "full_query_share": round(row["full_query_share"], 4),
        }
    return {
        **described,
        "rate_against_hardness": picture("false-negative rate against hardness", chart),
        "methods": table(
            {
                "method": describe_method(row),
                "false negatives %": round(100 * row["rate"], 3),
                "95 % interval": f"{100 * row['rate_low']:.2f} - {100 * row['rate_high']:.2f}",
                "mean score": round(row["mean_score"], 4),
                "mean rank": _rounded(row["mean_rank"]),
                "queries with enough %": round(100 * row["full_query_share"], 1),
            }
            for row in found.methods.to_dict("records")
        ),
    }


def _rounded(value: float, digits: int = 1) -> float | None:
    """A number that may be missing, as NaN, as metadata show it."""
    return None if math.isnan(value) else round(value, digits)


STAGE = Stage(
    writes=(layout.FALSE_NEGATIVE_AUDIT, layout.AUDIT_CHART),
    description=(
        "The false-negative rate, hardness and yield of these settings and of other methods, "
        "measured on hidden positives."
    ),
    make=make,
    version=7,
    reads=(*PLAN_INPUTS, layout.CALIBRATION),
    settings=lambda s: {**resolved_plan(s.mining, s.filters), **model_of_relevance(s)},
    kinds=lambda settings: {"scikitlearn", "parquet"},
)
