"""hard_negatives: what was chosen, and the ledger of what was not, with the reasons."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets import stages as s
from hn_assets import tables
from hn_assets.assets.graph import Graph
from hn_assets.assets.metadata import counts, distribution, table
from hn_assets.assets.mining import INPUTS, Mine, open_mine, read_calibration, read_inputs
from hn_assets.assets.run_config import apply_run_config, run_config_class
from hn_assets.assets.samples import read_texts
from hn_assets.assets.step import Step
from hn_assets.mining.collection import Pairs
from hn_assets.mining.ledger import to_ledger, to_negatives
from hn_assets.mining.likeness import holders, near_duplicates, of_queries, read_answers
from hn_assets.mining.mine import Deeper, Miner, MiningReport
from hn_assets.mining.plan import Plan, make_plan
from hn_assets.mining.pool import Pool, read_pools
from hn_assets.mining.reasons import Reason
from hn_assets.mining.settings import MiningSettings, NegativesSettings
from hn_assets.mining.texts import read_passages
from hn_assets.mining.why import LEDGER_FILE
from hn_assets.search.index import (
    IDS_FILE,
    INDEX_FILE,
    apply_search_parameters,
    is_flat,
    open_index,
)
from hn_assets.search.ranking import Searcher, queries_at_once
from hn_assets.search.settings import SearchSettings
from hn_assets.sources.files import hash_files
from hn_assets.text import shorten

SAMPLED_QUERIES, SAMPLED_NEGATIVES = 6, 3


def build_hard_negatives(graph: Graph) -> dg.AssetsDefinition:
    """The asset that mines a dataset's candidates."""
    # which split is mined decides what was encoded and searched: that is for the YAML
    names = ("range", "window", "negatives", "sampling", "seed", "on_shortage")
    config_class = run_config_class(graph.settings.mining, *names)
    negatives = graph.settings.negatives
    calibrated = negatives.target_false_negative_rate is not None
    # what the ledger says is obeyed elsewhere: by qrels
    rules = negatives.model_dump(mode="json", exclude={"reviewed"})

    @graph.asset(
        s.HARD_NEGATIVES,
        "The chosen negatives of every mined query, and the ledger of all candidates with reasons.",
        deps=(*INPUTS, s.FAISS_INDEX, *((s.CALIBRATION,) if calibrated else ())),
        kinds={"numpy", "parquet"},
        settings={"mining": graph.settings.mining.model_dump(mode="json"), "negatives": rules},
    )
    def hard_negatives(
        context: dg.AssetExecutionContext,
        config: config_class,  # type: ignore[valid-type]
    ) -> dg.MaterializeResult:
        with graph.running(context, s.HARD_NEGATIVES):
            settings = apply_run_config(graph.settings.mining, config)
            step = Step(graph, context, s.HARD_NEGATIVES)
            files = read_inputs(step)
            index = step.input(s.FAISS_INDEX, INDEX_FILE), step.input(s.FAISS_INDEX, IDS_FILE)
            plan = make_plan(settings, negatives, read_calibration(graph, step))
            answers = (
                graph.base / Path(negatives.answers).expanduser() if negatives.answers else None
            )
            step.depends_on(
                mining=settings.model_dump(mode="json"),
                negatives=rules,
                answers=hash_files([answers]) if answers else None,
            )
            if (current := step.current()) is not None:
                return current
            depth = int(graph.store.stage(s.CANDIDATES).require().info["depth"])
            if plan.end > depth:
                context.log.warning(
                    f"mining.range ends at {plan.end}, the rankings at {depth}: materialize "
                    f"candidates with a greater depth for the whole range"
                )
            mine = open_mine(graph, files, settings.split)
            miner = Miner(
                mine.collection,
                mine.queries,
                mine.documents,
                plan,
                seed=settings.seed,
                on_shortage=settings.on_shortage,
                blocked=_blocked(mine, files[s.CORPUS], answers, negatives),
                deeper=_searches(mine, index, graph.settings.search) if negatives.filters else None,
            )
            with step.publish() as draft:
                chosen = _mine(miner, mine, files[s.CANDIDATES], draft.path(LEDGER_FILE))
                report = miner.report()
                pq.write_table(chosen, draft.path(s.FILES[s.HARD_NEGATIVES]), compression="zstd")
                draft.info["negatives"] = settings.negatives
                draft.info["with_title"] = mine.with_title
            if report.too_few or report.none:
                context.log.warning(
                    f"{report.too_few} of {report.queries} queries have fewer than "
                    f"{settings.negatives} negatives and {report.none} have none "
                    f"({', '.join(report.short_queries[:5])}); nothing was padded"
                )
            described = _describe(chosen.to_pandas(), report, plan, settings)
            samples = _samples(files[s.CORPUS], chosen, mine.query_table)
            return step.result(draft, {**described, "samples": samples})

    return hard_negatives


def _mine(miner: Miner, mine: Mine, candidates: Path, ledger: Path) -> pa.Table:
    """Write the ledger as it is made; the negatives by query id and rank."""
    chosen = [tables.HARD_NEGATIVES.empty_table()]
    with pq.ParquetWriter(ledger, tables.LEDGER, compression="zstd") as writer:
        for pool in read_pools(candidates, mine.collection):
            for mined in miner.mine(pool):
                writer.write_table(to_ledger(mined, mine.collection))
                chosen.append(to_negatives(mined, mine.collection, miner.positive_scores))
    return pa.concat_tables(chosen).sort_by([("query_id", "ascending"), ("rank", "ascending")])


def _blocked(
    mine: Mine, corpus: Path, answers: Path | None, negatives: NegativesSettings
) -> dict[Reason, Pairs]:
    """The documents that filters of texts reject, by reason."""

    def texts() -> Iterator[str]:
        return (text for _, text in read_passages(corpus, with_title=mine.with_title))

    out: dict[Reason, Pairs] = {}
    if negatives.near_duplicate is not None:
        positives = np.unique(mine.collection.positives.documents)
        near = near_duplicates(texts, positives, negatives.near_duplicate)
        out[Reason.NEAR_DUPLICATE] = of_queries(mine.collection.positives, near)
    if answers is not None:
        ids = mine.collection.query_ids.to_pylist()
        out[Reason.ANSWER] = holders(texts(), read_answers(answers), ids)
    return out


def _searches(mine: Mine, index_files: tuple[Path, Path], settings: SearchSettings) -> Deeper:
    """A function that searches some queries again; the index is opened when it is first needed."""
    made: list[Searcher] = []

    def searcher() -> Searcher:
        if not made:
            index = open_index(*index_files, mine.documents)
            apply_search_parameters(index, settings.search_parameters)
            made.append(Searcher(index, mine.documents, is_exact=is_flat(index)))
        return made[0]

    def deeper(queries: NDArray[np.int64], depth: int) -> Pool:
        block = queries_at_once(depth, mine.queries.dimension, settings.memory_mb)
        found = [
            searcher().find(mine.queries.take(queries[first : first + block]), depth)
            for first in range(0, len(queries), block)
        ]
        rows, scores = (np.concatenate(part) for part in zip(*found, strict=True))
        return Pool(queries, rows, scores)

    return deeper


def _describe(
    judged: pd.DataFrame, report: MiningReport, plan: Plan, settings: MiningSettings
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
        "negatives_wanted": settings.negatives,
        **distribution(per_query.to_numpy(), "negatives_per_query"),
        **distribution(judged["rank"].to_numpy(), "rank"),
        **distribution(judged.score.to_numpy(), "score"),
        **distribution(judged.closeness.to_numpy(), "closeness"),
        **distribution(gap.to_numpy(), "best_positive_minus_negative"),
    }


def _samples(corpus: Path, chosen: pa.Table, queries: pd.DataFrame) -> dg.MetadataValue | str:
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
