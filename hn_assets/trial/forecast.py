"""What a tournament will cost, and what it can show, as two runs say beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass

from hn_assets.trial.comparison import deviation_of_differences, smallest_difference
from hn_assets.trial.rules import Rules

# of the budget, so that estimates of a run's time may be wrong by as much
SHARE_FOR_FIRST_REPEATS = 0.8


@dataclass(frozen=True)
class Forecast:
    """What two first runs say of the whole, before it begins; all of it is estimated.

    Attributes:
        seconds_per_run: What a run takes.
        first_repeats: How often every plan is tried at first, within the budget.
        most_runs: How many runs there may be, within the budget.
        smallest_difference: The smallest difference that the queries could show after the first
            repeats four times out of five; seeds are left out of it.
    """

    seconds_per_run: float
    first_repeats: int
    most_runs: int
    smallest_difference: float

    def describe(self, plans: int) -> str:
        """The forecast in a sentence without its full stop."""
        return (
            f"a run takes about {self.seconds_per_run:.0f} s, so that {plans} plans with "
            f"{self.first_repeats} repeats take about "
            f"{plans * self.first_repeats * self.seconds_per_run / 60:.0f} min, and at most "
            f"{self.most_runs} runs fit the budget; the smallest difference that the queries can "
            f"show is about {self.smallest_difference:.4f} (estimated from two runs)"
        )


def make_forecast(
    one: Mapping[str, float],
    other: Mapping[str, float],
    *,
    seconds_per_run: float,
    plans: int,
    rules: Rules,
    confidence: float,
    comparisons: int,
) -> Forecast:
    """What two runs in the same repeat say.

    Args:
        one: nDCG@10 of each query that judged the one plan.
        other: The same of another plan.
        seconds_per_run: What a run has taken.
        plans: How many plans there are.
        rules: How long the tournament goes on.
        confidence: That of all comparisons together.
        comparisons: How many there are.
    """
    fit, most = rules.min_repeats, plans * rules.max_repeats
    if seconds_per_run:
        fit = int(SHARE_FOR_FIRST_REPEATS * rules.budget_seconds / (seconds_per_run * plans))
        most = min(most, int(rules.budget_seconds / seconds_per_run))
    repeats = max(1, min(fit, rules.min_repeats))
    return Forecast(
        seconds_per_run=seconds_per_run,
        first_repeats=repeats,
        most_runs=most,
        smallest_difference=smallest_difference(
            deviation_of_differences(one, other),
            rules.queries * min(repeats, rules.folds) // rules.folds,
            confidence=confidence,
            comparisons=comparisons,
        ),
    )
