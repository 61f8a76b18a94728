"""hard_negatives: what was chosen, and the ledger of what was not, with the reasons."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hn_assets.filters.all_filters import external_files
from hn_assets.mining.miner import MiningReport
from hn_assets.mining.output.chosen_negatives import ChosenNegatives
from hn_assets.mining.output.sources import describe_sources
from hn_assets.mining.plan import Plan, resolved_limits, resolved_plan
from hn_assets.pipeline.metadata import Metadata, Table, counts, distribution, table
from hn_assets.pipeline.mining_inputs import PLAN_INPUTS, mining_cluster, open_mining_session
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.sources.fingerprint import fingerprint_files
from hn_assets.store import Draft, layout
from hn_assets.store.schemas import read_query_texts, read_texts
from hn_assets.text import shorten

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
    cluster = mining_cluster(context, session)
    chosen, report = session.mine(draft.path(layout.LEDGER.name), cluster)
    chosen.write(draft.path(layout.HARD_NEGATIVES.name))
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
    sample = chosen.sample(SAMPLED_QUERIES, SAMPLED_NEGATIVES).to_pylist()
    return {
        "mined_on": "this machine" if cluster is None else "the nodes of Ray",
        **_describe(chosen, report, session.plan, mining),
        "samples": _samples(context.input(layout.CORPUS), context.input(layout.QUERIES), sample),
    }


def _describe(
    chosen: ChosenNegatives, report: MiningReport, plan: Plan, mining: MiningSettings
) -> Metadata:
    numbers = chosen.numbers
    sources = list(describe_sources(numbers))
    return {
        "dagster/row_count": len(chosen),
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
        **distribution(chosen.counts_by_query(), "negatives_per_query"),
        **distribution(numbers["rank"].drop_null().to_numpy(), "rank"),
        **distribution(numbers["score"].to_numpy(), "score"),
        **distribution(numbers["positive_similarity"].to_numpy(), "positive_similarity"),
        **distribution(chosen.margins_to_best_positive(), "margin_to_best_positive"),
    }


def _rounded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: round(v, 4) if isinstance(v, float) else v for k, v in r.items()} for r in rows]


def _samples(corpus: Path, queries: Path, negatives: Sequence[Mapping[str, Any]]) -> Table | str:
    """A few negatives, each with its query and a positive."""
    wanted = {document for row in negatives for document in (row["doc_id"], row["positive_ids"][0])}
    passages = read_texts(corpus, wanted)
    texts = read_query_texts(queries, {row["query_id"] for row in negatives})
    return table(
        {
            "query": texts[row["query_id"]],
            "negative": shorten(f"[{row['doc_id']}] {passages[row['doc_id']]}", SHOWN_CHARACTERS),
            "rank": row["rank"],
            "score": round(row["score"], 4),
            "positive": shorten(passages[row["positive_ids"][0]], SHOWN_CHARACTERS),
            "positive score": round(row["positive_scores"][0], 4),
        }
        for row in negatives
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
    mines=True,
)
