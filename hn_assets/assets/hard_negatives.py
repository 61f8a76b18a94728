"""hard_negatives: what was chosen, and the ledger of what was not, with the reasons."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from hn_assets.filters.all_filters import external_files
from hn_assets.mining.miner import MiningReport
from hn_assets.mining.output.sources import describe_sources
from hn_assets.mining.plan import Plan, resolved_limits, resolved_plan
from hn_assets.pipeline.metadata import Metadata, Table, counts, distribution, table
from hn_assets.pipeline.mining_inputs import PLAN_INPUTS, open_mining_session
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.sources.fingerprint import fingerprint_files
from hn_assets.store import Draft, layout
from hn_assets.store.schemas import read_texts
from hn_assets.text import shorten

if TYPE_CHECKING:
    import pandas as pd

SAMPLED_QUERIES, SAMPLED_NEGATIVES = 6, 3
SHOWN_CHARACTERS = 120


def settings(settings: DatasetSettings) -> Resolved:
    """The plan, and the limits on the teacher's scores if there is a teacher."""
    limits = resolved_limits(settings.teacher) if settings.teacher else {}
    return {"plan": resolved_plan(settings.mining, settings.filters), "teacher": limits}


def identify(context: StageContext) -> Resolved:
    """The content of the files that filters read."""
    files = external_files(context.settings.filters, context.dataset.base)
    return {"files_of_filters": fingerprint_files(files) if files else None}


def make(context: StageContext, draft: Draft) -> Metadata:
    """Mine the candidates, and write down what became of each."""
    session = open_mining_session(context)
    mining = session.mining
    depth = int(context.info(layout.CANDIDATES.stage)["depth"])
    if session.plan.end > depth:
        context.log.warning(
            f"the range of mining ends at {session.plan.end}, the rankings at {depth}: materialize "
            f"candidates with a greater depth for the whole range"
        )
    chosen, report = session.mine(draft.path(layout.LEDGER.name))
    pq.write_table(chosen, draft.path(layout.HARD_NEGATIVES.name), compression="zstd")
    draft.info.update(
        negatives=mining.num_negatives,
        queries=report.queries,
        queries_with_enough=report.enough,
        queries_left_short=report.left_short,
        include_title=session.include_title,
        plan=session.plan.note,
    )
    if report.too_few or report.none:
        context.log.warning(
            f"{report.too_few} of {report.queries} queries have fewer than "
            f"{mining.num_negatives} negatives and {report.none} have none "
            f"({', '.join(report.short_queries[:5])}); nothing was padded"
        )
    if report.left_short:
        context.log.warning(
            f"{report.left_short} of {report.queries} queries have too few negatives and were not "
            f"searched deeper, as filters.deeper_search_budget is used up by {report.deepened} "
            f"others: raise it, or loosen the filters"
        )
    negatives = chosen.to_pandas(integer_object_nulls=True)
    return {
        **_describe(negatives, report, session.plan, mining),
        "samples": _samples(context.input(layout.CORPUS), negatives, session.query_table),
    }


def _describe(
    negatives: "pd.DataFrame", report: MiningReport, plan: Plan, mining: MiningSettings
) -> Metadata:
    margin_to_best_positive = negatives.score - negatives.positive_scores.map(max)
    per_query = negatives.groupby("query_id").size()
    sources = list(describe_sources(negatives))
    return {
        "dagster/row_count": len(negatives),
        "plan": plan.note,
        "ranks": f"{plan.start} to {plan.end}, {plan.sampling.describe()}",
        "negatives_drawn_at_random": report.random,
        "queries": report.queries,
        "queries_with_enough": report.enough,
        "queries_with_too_few": report.too_few,
        "queries_with_none": report.none,
        "queries_dropped": report.dropped,
        "queries_without_positives": report.without_positives,
        "queries_searched_deeper": report.deepened,
        "queries_left_short_by_budget": report.left_short,
        "short_queries": ", ".join(report.short_queries) or "none",
        **({"by_source": table(_rounded(sources))} if sources else {}),
        "candidates": report.candidates,
        "rejected": counts(report.rejected, "reason"),
        "settings": mining.model_dump(mode="json"),
        "negatives_wanted": mining.num_negatives,
        **distribution(per_query.to_numpy(), "negatives_per_query"),
        **distribution(negatives["rank"].dropna().to_numpy(np.int64), "rank"),
        **distribution(negatives.score.to_numpy(), "score"),
        **distribution(negatives.positive_similarity.to_numpy(), "positive_similarity"),
        **distribution(margin_to_best_positive.to_numpy(), "margin_to_best_positive"),
    }


def _rounded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: round(v, 4) if isinstance(v, float) else v for k, v in r.items()} for r in rows]


def _samples(corpus: Path, negatives: "pd.DataFrame", queries: "pd.DataFrame") -> Table | str:
    """A few queries, spread over all, each with a positive and its first negatives."""
    ids = negatives.query_id.unique()
    picked = ids[:: max(1, len(ids) // SAMPLED_QUERIES)][:SAMPLED_QUERIES]
    of_picked = negatives[negatives.query_id.isin(set(picked))]
    shown = of_picked.groupby("query_id").head(SAMPLED_NEGATIVES)
    wanted = {*shown.doc_id, *(positives[0] for positives in shown.positive_ids)}
    passages = read_texts(corpus, wanted)
    texts = queries.set_index("id").text
    return table(
        {
            "query": texts[row["query_id"]],
            "negative": shorten(f"[{row['doc_id']}] {passages[row['doc_id']]}", SHOWN_CHARACTERS),
            "rank": row["rank"],
            "score": round(row["score"], 4),
            "positive": shorten(passages[row["positive_ids"][0]], SHOWN_CHARACTERS),
            "positive score": round(float(row["positive_scores"][0]), 4),
        }
        for row in shown.to_dict("records")
    )


STAGE = Stage(
    writes=(layout.HARD_NEGATIVES, layout.LEDGER),
    description=(
        "The chosen negatives of every mined query, and the ledger of all candidates with reasons."
    ),
    make=make,
    version=4,
    reads=(*PLAN_INPUTS, layout.CALIBRATION, layout.TEACHER_SCORES),
    settings=settings,
    identify=identify,
    kinds=lambda settings: {"numpy", "parquet"},
)
