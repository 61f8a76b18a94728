"""The tournament: every plan is tried, clearly worse ones are left, the rest is tried more often.

It knows nothing of models: it asks for what a training of a plan gives, and decides which training
is worth its time. First all plans are repeated equally often; a plan that falls clearly behind the
best so far is pruned by a paired test (Optuna's `WilcoxonPruner`). Then those that cannot be told
apart get twice as many repeats, and so on, until one is better than all others beyond doubt or the
budget is spent. Pruning saves time and proves nothing: the test knows nothing of what the seed of a
training does to all queries at once. So a plan that was pruned comes back if it alone is in doubt.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hn_assets.extras import import_optional
from hn_assets.trial.comparison import (
    Difference,
    SeedVariance,
    compare_plans,
    estimate_seed_variance,
    mean_quality,
)
from hn_assets.trial.forecast import Forecast, make_forecast
from hn_assets.trial.rules import Measure, Rules

# a plan is not left for a single training that went badly
MIN_REPEATS_TO_PRUNE = 2


@dataclass(frozen=True)
class Standing:
    """Where a plan stands at the end.

    Attributes:
        plan: Its name.
        repeats: How often it was tried.
        mean: Its mean nDCG@10 over the repeats that all plans have that were not left early; None
            if it has not all of them.
        beside_leader: How it differs from the plan that leads; None for that plan itself, and for
            one that was not tried.
        state: `leads`, `cannot be told from it`, `worse`, `left early` or `not tried`.
    """

    plan: str
    repeats: int
    mean: float | None
    beside_leader: Difference | None
    state: str


@dataclass
class Tournament:
    """What was measured so far, and who is still in it.

    Attributes:
        plans: The names of the plans, two at least.
        rules: How long it goes on.
        measure: Trains a plan in a repeat and judges what was trained.
        log: Takes the lines of progress.
        measured: What was measured, by plan and repeat.
        left_early: The plans that were pruned.
        forecast: What the first two runs say; None before them.
        seconds: What the runs took.
        runs: How many there were.
        is_settled: Whether the leading plan is better than every other beyond doubt.
    """

    plans: Sequence[str]
    rules: Rules
    measure: Measure
    log: Callable[[str], None]
    measured: dict[str, dict[int, Mapping[str, float]]] = field(default_factory=dict)
    left_early: set[str] = field(default_factory=set)
    forecast: Forecast | None = None
    seconds: float = 0.0
    runs: int = 0
    is_settled: bool = False

    def run(self) -> None:
        """Try the plans until one is better than all others beyond doubt, or time is over."""
        _import_optuna()  # before anything is trained
        self.measured = {plan: {} for plan in self.plans}
        self.forecast = self._probe()
        repeats = self.forecast.first_repeats
        self._race(repeats)
        while not self._look() and repeats < self.rules.max_repeats:
            repeats = min(2 * repeats, self.rules.max_repeats)
            if not self._repeat_those_in_doubt(repeats):
                self._look()
                return

    @property
    def leader(self) -> str:
        """The plan with the best mean; of equal ones, the first."""
        shared = self._shared_repeats()
        return max(self._in_race(), key=lambda plan: mean_quality(self.measured[plan], shared))

    @property
    def seed_variance(self) -> SeedVariance:
        """The variance of a difference that seeds cause, from all plans."""
        return estimate_seed_variance(self.measured)

    @property
    def comparisons(self) -> int:
        """How many comparisons the confidence holds for."""
        return (len(self.plans) - 1) * self._looks()

    def compare(self, plan: str, other: str) -> Difference:
        """How much better a plan is than another."""
        return compare_plans(
            self.measured[plan],
            self.measured[other],
            confidence=self._half_confidence(),
            comparisons=self.comparisons,
            seed_variance=self.seed_variance,
        )

    def standings(self) -> list[Standing]:
        """Where every plan stands, the best first; those without a mean come last."""
        leader, shared = self.leader, self._shared_repeats()
        found: list[Standing] = []
        for plan, measured in self.measured.items():
            mean = mean_quality(measured, shared) if shared <= set(measured) else None
            beside = None if plan == leader or not measured else self.compare(plan, leader)
            found.append(
                Standing(plan, len(measured), mean, beside, self._state(plan, leader, beside))
            )
        return sorted(found, key=lambda one: math.inf if one.mean is None else -one.mean)

    def _state(self, plan: str, leader: str, beside: Difference | None) -> str:
        if plan == leader:
            return "leads"
        if plan in self.left_early:
            return "left early"
        if beside is None:
            return "not tried"
        return "worse" if beside.high < 0 else "cannot be told from it"

    def _probe(self) -> Forecast:
        """Run the first two plans once, and say from that what the whole will cost."""
        first, second = self.plans[:2]
        for plan in (first, second):
            self._run(plan, 0)
        forecast = make_forecast(
            self.measured[first][0],
            self.measured[second][0],
            seconds_per_run=self.seconds / self.runs,
            plans=len(self.plans),
            rules=self.rules,
            confidence=self._half_confidence(),
            comparisons=self.comparisons,
        )
        self.log(forecast.describe(len(self.plans)))
        return forecast

    def _race(self, repeats: int) -> None:
        """Try every plan, repeat by repeat, as long as it is not clearly worse than the best."""
        optuna = _import_optuna()
        numbers: dict[str, int] = {}
        # each plan is tested against the best so far after each of its repeats but the first ones
        tests = (len(self.plans) - 1) * max(1, repeats - MIN_REPEATS_TO_PRUNE + 1)
        with warnings.catch_warnings():
            # it may change with a version of Optuna, which the tests would show
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            threshold = (1 - self._half_confidence()) / tests
            pruner = optuna.pruners.WilcoxonPruner(p_threshold=threshold)
        study = optuna.create_study(direction="maximize", pruner=pruner)
        for plan in self.plans:
            trial = study.ask()
            for repeat in range(repeats):
                if not self._run(plan, repeat):
                    break
                # a query of a repeat is one of the instances on which plans are compared
                for query, value in self.measured[plan][repeat].items():
                    place = numbers.setdefault(query, len(numbers))
                    trial.report(value, step=repeat * self.rules.queries + place)
                if repeat + 1 >= MIN_REPEATS_TO_PRUNE and trial.should_prune():
                    self.left_early.add(plan)
                    self.log(f"{plan}: clearly worse than the best so far; it is left")
                    break
            if plan in self.left_early:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            elif len(self.measured[plan]) == repeats:
                study.tell(trial, mean_quality(self.measured[plan], range(repeats)))
            else:  # the budget is spent
                study.tell(trial, state=optuna.trial.TrialState.FAIL)

    def _look(self) -> bool:
        """Whether one plan is better than every other beyond doubt."""
        tried_all = all(self.measured[plan] for plan in self.plans)
        self.is_settled = tried_all and not self._in_doubt(self.plans)
        return self.is_settled

    def _in_doubt(self, plans: Sequence[str]) -> list[str]:
        """Those of the plans that the leader is not better than beyond doubt."""
        leader = self.leader
        return [p for p in plans if p != leader and self.compare(leader, p).low <= 0]

    def _repeat_those_in_doubt(self, repeats: int) -> bool:
        """Try the leader, and whom it is not better than beyond doubt, up to so many repeats.

        Those that were left early come last: they are tried again if none of the others is in
        doubt.

        Returns:
            Whether the budget allowed for all of it.
        """
        leader = self.leader
        doubtful = self._in_doubt(self._in_race())
        if not doubtful:
            doubtful = self._in_doubt(sorted(self.left_early))
            self.left_early -= set(doubtful)
        for repeat in range(repeats):
            for plan in (leader, *doubtful):
                if not self._run(plan, repeat):
                    return False
        return True

    def _run(self, plan: str, repeat: int) -> bool:
        """Measure a plan in a repeat if it was not, and if there is likely to be time for it."""
        if repeat in self.measured[plan]:
            return True
        expected = self.seconds / self.runs if self.runs else 0.0
        if self.runs > 1 and self.seconds + expected > self.rules.budget_seconds:
            return False
        result = self.measure(plan, repeat)
        values = self.measured[plan][repeat] = result.values
        self.seconds += result.seconds
        self.runs += 1
        mean = sum(values.values()) / len(values)
        self.log(
            f"{plan}, repeat {repeat + 1}: nDCG@10 {mean:.4f} of {len(values)} queries, "
            f"{result.seconds:.0f} s"
        )
        return True

    def _in_race(self) -> list[str]:
        return [p for p in self.plans if self.measured[p] and p not in self.left_early]

    def _shared_repeats(self) -> set[int]:
        """The repeats that every plan has that is still in the race."""
        found = [set(self.measured[plan]) for plan in self._in_race()]
        return set.intersection(*found) if found else set()

    def _half_confidence(self) -> float:
        """One half of what may go wrong is for plans that are left early, the other for looks."""
        return 1 - (1 - self.rules.confidence) / 2

    def _looks(self) -> int:
        """How often plans are compared at most: after the first repeats and each doubling."""
        first = self.forecast.first_repeats if self.forecast else self.rules.min_repeats
        return 1 + max(0, math.ceil(math.log2(self.rules.max_repeats / first)))


def _import_optuna() -> Any:
    optuna: Any = import_optional(
        "optuna", extra="trial", needed_for="a trial of negatives (the section trial)"
    )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
