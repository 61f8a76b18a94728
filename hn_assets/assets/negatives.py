"""hard_negatives: what was chosen, and the ledger of what was not, with the reasons."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.assets.graph import Graph
from hn_assets.assets.inputs import LoadedDataset, upstream
from hn_assets.assets.metadata import counts, distribution, table
from hn_assets.assets.mining import MiningSession, rules
from hn_assets.assets.run_config import apply_run_config, run_config_class
from hn_assets.assets.samples import read_texts
from hn_assets.assets.step import Step
from hn_assets.mining.data.candidate_block import read_candidate_blocks
from hn_assets.mining.miner import Miner, MiningReport
from hn_assets.mining.output.explain import LEDGER_FILE
from hn_assets.mining.output.ledger import to_ledger, to_negatives
from hn_assets.mining.plan import Plan
from hn_assets.mining.rules.teacher_filter import TeacherScores
from hn_assets.settings.mining import MiningSettings
from hn_assets.store import layout as s
from hn_assets.store import tables
from hn_assets.text import shorten

if TYPE_CHECKING:
    import pandas as pd

SAMPLED_QUERIES, SAMPLED_NEGATIVES = 6, 3
LIMITS = {"max_score", "min_score", "margin"}


def build_hard_negatives(graph: Graph) -> dg.AssetsDefinition:
    """The asset that mines a dataset's candidates."""
    # which split is mined decides what was encoded and searched: that is for the YAML
    names = (
        "range_min",
        "range_max",
        "range_counts",
        "num_negatives",
        "sampling",
        "seed",
        "on_shortage",
    )
    config_class = run_config_class(graph.settings.mining, *names)
    teacher = graph.settings.teacher
    # the other settings of the teacher made its scores
    limits = teacher.model_dump(mode="json", include=LIMITS) if teacher else {}

    @graph.asset(
        s.HARD_NEGATIVES.stage,
        "The chosen negatives of every mined query, and the ledger of all candidates with reasons.",
        deps=(*upstream(graph), *((s.TEACHER_SCORES.stage,) if teacher else ())),
        kinds={"numpy", "parquet"},
        settings={
            "mining": graph.settings.mining.model_dump(mode="json"),
            "negatives": rules(graph.settings.filters),
            **limits,
        },
    )
    def hard_negatives(
        context: dg.AssetExecutionContext,
        config: config_class,  # type: ignore[valid-type]
    ) -> dg.MaterializeResult:
        with graph.running(context, s.HARD_NEGATIVES.stage):
            settings = apply_run_config(graph.settings.mining, config)
            step = Step(graph, context, s.HARD_NEGATIVES.stage)
            digging = MiningSession.start(graph, step, settings)
            scores = step.input(s.TEACHER_SCORES.stage) if teacher else None
            step.depends_on(**limits)
            if (current := step.current()) is not None:
                return current
            plan = digging.plan
            depth = int(graph.store.stage(s.CANDIDATES.stage).require().info["depth"])
            if plan.end > depth:
                context.log.warning(
                    f"the range of mining ends at {plan.end}, the rankings at {depth}: materialize "
                    f"candidates with a greater depth for the whole range"
                )
            mine = digging.open()
            miner = digging.miner(
                mine,
                on_shortage=settings.on_shortage,
                teacher=TeacherScores(scores, mine.collection, teacher)
                if scores and teacher
                else None,
            )
            files = digging.files
            with step.publish() as draft:
                chosen = _mine(miner, mine, files[s.CANDIDATES.stage], draft.path(LEDGER_FILE))
                report = miner.report()
                pq.write_table(chosen, draft.path(s.HARD_NEGATIVES.name), compression="zstd")
                draft.info["negatives"] = settings.num_negatives
                draft.info["queries"] = report.queries
                draft.info["queries_with_enough"] = report.enough
                draft.info["include_title"] = mine.include_title
            if report.too_few or report.none:
                context.log.warning(
                    f"{report.too_few} of {report.queries} queries have fewer than "
                    f"{settings.num_negatives} negatives and {report.none} have none "
                    f"({', '.join(report.short_queries[:5])}); nothing was padded"
                )
            described = _describe(chosen.to_pandas(), report, plan, settings)
            samples = _samples(files[s.CORPUS.stage], chosen, mine.query_table)
            return step.result(draft, {**described, "samples": samples})

    return hard_negatives


def _mine(miner: Miner, mine: LoadedDataset, candidates: Path, ledger: Path) -> pa.Table:
    """Write the ledger as it is made; the negatives by query id and rank."""
    chosen = [tables.HARD_NEGATIVES.empty_table()]
    with pq.ParquetWriter(ledger, tables.LEDGER, compression="zstd") as writer:
        for pool in read_candidate_blocks(candidates, mine.collection):
            for mined in miner.mine(pool):
                writer.write_table(to_ledger(mined, mine.collection))
                chosen.append(to_negatives(mined, mine.collection, miner.positive_scores))
    return pa.concat_tables(chosen).sort_by([("query_id", "ascending"), ("rank", "ascending")])


def _describe(
    judged: "pd.DataFrame", report: MiningReport, plan: Plan, settings: MiningSettings
) -> dict[str, Any]:
    per_query = judged.groupby("query_id").size()
    gap = judged.positive_scores.map(max) - judged.score
    return {
        "dagster/row_count": len(judged),
        "plan": plan.note,
        "window": f"ranks {plan.start} to {plan.end}, {plan.sampling.method}",
        "queries": report.queries,
        "queries_with_enough": report.enough,
        "queries_with_too_few": report.too_few,
        "queries_with_none": report.none,
        "queries_dropped": report.dropped,
        "queries_without_positives": report.without_positives,
        "queries_searched_deeper": report.deepened,
        "short_queries": ", ".join(report.short_queries) or "none",
        "candidates": report.candidates,
        "rejected": counts(report.rejected, "reason"),
        "settings": settings.model_dump(mode="json"),
        "negatives_wanted": settings.num_negatives,
        **distribution(per_query.to_numpy(), "negatives_per_query"),
        **distribution(judged["rank"].to_numpy(), "rank"),
        **distribution(judged.score.to_numpy(), "score"),
        **distribution(judged.positive_similarity.to_numpy(), "positive_similarity"),
        **distribution(gap.to_numpy(), "margin_to_best_positive"),
    }


def _samples(corpus: Path, chosen: pa.Table, queries: "pd.DataFrame") -> dg.MetadataValue | str:
    """A few queries, spread over all, each with a positive and its first negatives."""
    judged = chosen.to_pandas()
    ids = judged.query_id.unique()
    picked = ids[:: max(1, len(ids) // SAMPLED_QUERIES)][:SAMPLED_QUERIES]
    shown = judged[judged.query_id.isin(set(picked))].groupby("query_id").head(SAMPLED_NEGATIVES)
    wanted = {*shown.doc_id, *(positives[0] for positives in shown.positive_ids)}
    passages = read_texts(corpus, wanted)
    asked = queries.set_index("id").text
    return table(
        {
            "query": asked[row["query_id"]],
            "negative": shorten(f"[{row['doc_id']}] {passages[row['doc_id']]}", 120),
            "rank": row["rank"],
            "score": round(row["score"], 4),
            "positive": shorten(passages[row["positive_ids"][0]], 120),
            "positive score": round(float(row["positive_scores"][0]), 4),
        }
        for row in shown.to_dict("records")
    )
