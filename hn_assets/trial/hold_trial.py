"""Hold a trial: mine every plan, let the tournament decide what is trained, and say what came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.export.base.examples import Example, Examples
from hn_assets.settings.trial import TrialSettings
from hn_assets.store.atomic_files import replace_file
from hn_assets.trial.comparison import Difference, compare_plans
from hn_assets.trial.mine_plans import MinedPlan
from hn_assets.trial.outcome import Agreement, PlanOutcome, TrialOutcome
from hn_assets.trial.rules import Rules, RunResult
from hn_assets.trial.tournament import Standing, Tournament
from hn_assets.trial.train_and_judge import TrialBench, examples_of, fold_of

# of the budget, if a stand-in is trained: the rest is for the whole model
SHARE_FOR_STAND_IN = 0.75
MEASUREMENTS = pa.schema(
    [
        ("plan", pa.string()),
        ("repeat", pa.int32()),
        ("query_id", pa.string()),
        ("ndcg_at_10", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Trial:
    """Plans that were mined, and what is needed to train with them.

    Attributes:
        plans: What mining gave; two at least are tried.
        queries: The queries that are trained on and judge, sorted.
        bench: What all runs have in common.
        whole: The same with the whole model, if `bench` trains a stand-in; else None.
        examples: Reads the examples of a plan, from the file of its negatives.
        split: The mined split.
        settings: The settings of the trial.
        runs: The folder that the results of runs are kept in, for a trial that is killed.
        log: Takes the lines of progress.
    """

    plans: list[MinedPlan]
    queries: list[str]
    bench: TrialBench
    whole: TrialBench | None
    examples: Callable[[Path], Examples]
    split: str
    settings: TrialSettings
    runs: Path
    log: Callable[[str], None]

    def hold(self, measurements: Path) -> TrialOutcome:
        """Hold the tournament.

        Args:
            measurements: The Parquet file to write every measurement to, with the columns of
                `MEASUREMENTS`.
        """
        tournament = self.tournament()
        tournament.run()
        write_measurements(measurements, tournament)
        agreement, seconds = self._compare_with_whole(tournament)
        outcome = self._outcome(tournament)
        return outcome.model_copy(
            update={
                "agreement": agreement,
                "seconds": round(outcome.seconds + seconds, 1),
                "layers": self.settings.layers,
            }
        )

    def tournament(self) -> Tournament:
        """The tournament, before it is run."""
        settings = self.settings
        budget = 60 * settings.budget_minutes
        rules = Rules(
            confidence=settings.confidence,
            min_repeats=settings.min_repeats,
            max_repeats=settings.max_repeats,
            folds=settings.folds,
            queries=len(self.queries),
            budget_seconds=budget * (1 if self.whole is None else SHARE_FOR_STAND_IN),
        )
        names = [plan.plan.name for plan in self.plans if plan.is_tried]
        return Tournament(
            names, rules, lambda plan, repeat: self._run(self.bench, plan, repeat), self.log
        )

    def _run(self, bench: TrialBench, plan: str, repeat: int) -> RunResult:
        """A run, or what an earlier process has kept of it."""
        mined = next(one for one in self.plans if one.plan.name == plan)
        assert mined.negatives is not None, "plans without negatives are not tried"
        folds = fold_of(self.queries, self.settings.folds, self.settings.seed)
        judging = [q for q in self.queries if folds[q] == repeat % self.settings.folds]
        trained = [q for q in self.queries if folds[q] != repeat % self.settings.folds]
        kept = self.runs / f"{self._key(bench, mined.negatives, repeat)}.json"
        if kept.exists():
            found = json.loads(kept.read_text(encoding="utf-8"))
            return RunResult(found["values"], found["seconds"])
        seed = self.settings.seed + repeat
        result = bench.run(self._examples(mined.negatives, trained), judging, self.split, seed)
        kept.parent.mkdir(parents=True, exist_ok=True)
        content = {"plan": plan, "values": dict(result.values), "seconds": result.seconds}
        replace_file(kept, json.dumps(content).encode())
        return result

    def _examples(self, negatives: Path, queries: list[str]) -> list[Example]:
        return examples_of(self.examples(negatives), queries)

    def _key(self, bench: TrialBench, negatives: Path, repeat: int) -> str:
        """Names a run by what it depends on within this trial."""
        name = "stand-in" if bench is self.bench and self.whole is not None else "whole"
        told = json.dumps([name, repeat, self.queries]).encode()
        return hashlib.sha256(told + negatives.read_bytes()).hexdigest()[:24]

    def _compare_with_whole(self, tournament: Tournament) -> tuple[list[Agreement], float]:
        """Train the whole model once with the plans at the top and at the bottom.

        Returns:
            What was found, and the seconds that it took.
        """
        if self.whole is None:
            return [], 0.0
        tried = [one.plan for one in tournament.standings() if 0 in tournament.measured[one.plan]]
        leader, others = tried[0], list(dict.fromkeys([tried[1], tried[-1]]))
        budget, spent = 60 * self.settings.budget_minutes, tournament.seconds
        results: dict[str, RunResult] = {}
        for plan in (leader, *others):
            longest = max((result.seconds for result in results.values()), default=0.0)
            if spent + longest > budget:
                self.log("the budget is spent: the whole model is not trained with all of them")
                break
            results[plan] = self._run(self.whole, plan, 0)
            spent += results[plan].seconds
        found: list[Agreement] = []
        for other in [plan for plan in others if plan in results]:
            whole = self._compare_once(results[leader].values, results[other].values)
            measured = tournament.measured
            stand_in = self._compare_once(measured[leader][0], measured[other][0])
            found.append(
                Agreement(
                    plan=leader,
                    other=other,
                    stand_in=stand_in.mean,
                    whole=whole.mean,
                    low=whole.low,
                    high=whole.high,
                )
            )
        return found, spent - tournament.seconds

    def _compare_once(self, one: Mapping[str, float], other: Mapping[str, float]) -> Difference:
        """How much better one training is than another; seeds are left out of the interval."""
        confidence = self.settings.confidence
        return compare_plans({0: one}, {0: other}, confidence=confidence, comparisons=1)

    def _outcome(self, tournament: Tournament) -> TrialOutcome:
        standings = tournament.standings()
        leader = next(one.plan for one in self.plans if one.plan.name == standings[0].plan)
        forecast = tournament.forecast
        assert forecast is not None, "a tournament that was run has one"
        return TrialOutcome(
            verdict="a winner" if tournament.is_settled else "no difference was found",
            plan=leader.name,
            settings=leader.to_json(),
            summary=_summarize(standings, settled=tournament.is_settled),
            plans=_describe_plans(self.plans, standings),
            confidence=self.settings.confidence,
            comparisons=tournament.comparisons,
            seed_deviation=sqrt(tournament.seed_variance.value),
            smallest_difference=forecast.smallest_difference,
            queries=len(self.queries),
            documents=pq.read_metadata(self.bench.corpus).num_rows,
            runs=tournament.runs,
            seconds=round(tournament.seconds, 1),
            forecast=forecast.describe(len(tournament.plans)),
        )


def not_compared(
    plans: list[MinedPlan], why: str, *, confidence: float, queries: int, documents: int
) -> TrialOutcome:
    """The outcome if nothing can be compared: mining takes the first plan that has negatives."""
    first = next((one for one in plans if one.negatives is not None), plans[0])
    return TrialOutcome(
        verdict="not compared",
        plan=first.plan.name,
        settings=first.plan.to_json(),
        summary=f"nothing was compared: {why}. Mining takes the first plan, {first.plan.name}",
        plans=_describe_plans(plans, []),
        confidence=confidence,
        queries=queries,
        documents=documents,
    )


def write_measurements(path: Path, tournament: Tournament | None) -> None:
    """Write what was measured of every plan, repeat and query; None writes no row."""
    measured = {} if tournament is None else tournament.measured
    rows = [
        {"plan": plan, "repeat": repeat, "query_id": query, "ndcg_at_10": value}
        for plan, by_repeat in measured.items()
        for repeat, values in sorted(by_repeat.items())
        for query, value in sorted(values.items())
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=MEASUREMENTS), path, compression="zstd")


def _summarize(standings: list[Standing], *, settled: bool) -> str:
    leader, second = standings[0], standings[1]
    beside = second.beside_leader
    if settled:
        verdict = f"{leader.plan} trains better than every other plan"
    else:
        equal = [one.plan for one in standings if one.state == "cannot be told from it"]
        verdict = (
            f"no difference was found between {leader.plan}, which leads, and {', '.join(equal)}"
            if equal
            else f"{leader.plan} leads, and not all plans were tried"
        )
    if beside is None:
        return verdict
    low, mean, high = (0.0 - value for value in (beside.high, beside.mean, beside.low))
    return (
        f"{verdict}; its lead over {second.plan} is {mean:+.4f} nDCG@10 "
        f"({low:+.4f} to {high:+.4f}, measured on {beside.queries} queries)"
    )


def _describe_plans(plans: list[MinedPlan], standings: list[Standing]) -> list[PlanOutcome]:
    by_name = {one.plan.name: one for one in plans}
    compared = [_describe_plan(by_name.pop(one.plan), one) for one in standings]
    return [*compared, *(_describe_plan(mined, None) for mined in by_name.values())]


def _describe_plan(mined: MinedPlan, standing: Standing | None) -> PlanOutcome:
    """What came of a plan, with where it stands if it was tried."""
    outcome = PlanOutcome(
        plan=mined.plan.name,
        state=mined.left_out or "not tried",
        mean_score=mined.mean_score,
        queries=len(mined.queries),
        mined=mined.note,
    )
    if standing is None:
        return outcome
    beside = standing.beside_leader
    figures = {"state": standing.state, "repeats": standing.repeats, "ndcg_at_10": standing.mean}
    if beside is not None:
        figures |= {"difference": beside.mean, "low": beside.low, "high": beside.high}
    return outcome.model_copy(update=figures)
