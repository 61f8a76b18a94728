"""Find the threshold that keeps the rate of false negatives under a target, on the user's qrels.

Each known positive is hidden once while the others of its query stay visible. What would then be
mined of them, over the negatives of one mining, is the rate to expect if every known positive had
one twin that nobody labelled; it is multiplied by how many such twins are to be expected. A model
that has not seen the query says how probably each candidate is relevant; candidates above a
threshold are not mined, and of the thresholds whose rate, with a standard error for safety, stays
under the target, the highest is taken, since it leaves the hardest negatives.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.holdout.holdout import (
    FalseNegativeRate,
    Holdout,
    HoldoutRankings,
    HoldoutSplit,
    estimate_rate,
    sum_by_query,
)
from hn_assets.mining.relevance.logistic_model import FEATURES, RelevanceModel
from hn_assets.mining.sampling import Sampling, choose
from hn_assets.settings.filters import FiltersSettings

GROUPS = 5  # of queries: a model judges those of a group it was not fitted on
STEPS = 80  # thresholds that are tried
# too few queries with two positives say little; where they are few among all, they say little
# about the others
FEWEST_QUERIES = 30
FEWEST_HIDDEN = 30  # hidden positives that the rankings hold
SMALLEST_SHARE = 0.2


@dataclass(frozen=True)
class Calibration:
    """What hiding known positives gave.

    Attributes:
        target: rate of false negatives that was asked for.
        unlabelled_per_positive: that are expected; the rates are reckoned with it.
        why_not: why the qrels cannot support it; "" where they can.
        model: of relevance; None where the qrels cannot support one.
        threshold: candidates with at least this probability are not mined.
        rate: cross-validated, at the threshold; None where nothing was measured.
        rate_low: of its 95 % interval.
        rate_high: of the same.
        queries: with two positives or more that were looked at.
        hidden: positives that were hidden and are in the rankings.
    """

    target: float
    unlabelled_per_positive: float
    why_not: str
    model: RelevanceModel | None
    threshold: float
    rate: float | None
    rate_low: float | None
    rate_high: float | None
    queries: int
    hidden: int

    @property
    def is_reached(self) -> bool:
        """Whether the rate is under the target."""
        return self.rate is not None and self.rate <= self.target

    @property
    def is_supported(self) -> bool:
        """Whether there is a threshold to mine by."""
        return self.model is not None

    def describe(self) -> str:
        """What the threshold means, or why there is none."""
        if not self.is_supported:
            return f"the qrels cannot support target_false_negative_rate: {self.why_not}"
        how = f"keeps the rate of false negatives under {self.target:g}"
        if not self.is_reached:
            how = f"is the safest that could be measured; it does not reach {self.target:g}"
        return (
            f"candidates with a probability of relevance of {self.threshold:.2g} or more are left "
            f"out, which {how}"
        )

    def as_json(self) -> dict[str, Any]:
        """To be kept; `from_json` reads it."""
        return {**asdict(self), "features": FEATURES}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Calibration":
        """What `as_json` gave."""
        values = {name: value for name, value in kept.items() if name != "features"}
        model = values.pop("model")
        return cls(**values, model=None if model is None else RelevanceModel.from_json(model))


def calibrate(
    holdout: Holdout,
    sampling: Sampling,
    settings: FiltersSettings,
    mined_queries: int,
) -> Calibration:
    """Fit the model of relevance and choose the threshold.

    Args:
        holdout: of the queries with two positives or more.
        sampling: how negatives are taken of what is left.
        settings: with the target, the highest rate of false negatives.
        mined_queries: of all, to see whether those of the holdout stand for them.
    """
    target = settings.target_false_negative_rate
    assert target is not None, "nothing to calibrate for"
    count = len(holdout)
    if count < FEWEST_QUERIES or count < SMALLEST_SHARE * mined_queries:
        why = (
            f"{count} of {mined_queries} queries have two known positives or more; at least "
            f"{FEWEST_QUERIES}, and {SMALLEST_SHARE:.0%} of all, are needed to hide one and see "
            f"whether it would be mined"
        )
        return _unsupported(settings, why, count, 0)
    everything = holdout.all_visible()
    cross = CrossValidation(holdout, everything, everything, sampling)
    hidden = int(cross.trials.hidden.sum())
    if hidden < FEWEST_HIDDEN:
        why = (
            f"only {hidden} positives that can be hidden are within the rankings; at least "
            f"{FEWEST_HIDDEN} are needed. Search deeper (search.depth), or use a better model"
        )
        return _unsupported(settings, why, count, hidden)
    threshold, leak = cross.threshold(target, settings.unlabelled_per_positive)
    expected = leak.times(settings.unlabelled_per_positive)
    return Calibration(
        target=target,
        unlabelled_per_positive=settings.unlabelled_per_positive,
        why_not="",
        model=cross.model(),
        threshold=threshold,
        rate=expected.rate,
        rate_low=expected.low,
        rate_high=expected.high,
        queries=count,
        hidden=hidden,
    )


class CrossValidation:
    """Probabilities of relevance for trials, each by a model that saw nothing of its query.

    Args:
        holdout: of the queries.
        views: the queries to look at, with the positives that are visible of each.
        all_splits: the same of every query of the holdout.
        sampling: how negatives are taken.
    """

    def __init__(
        self,
        holdout: Holdout,
        views: list[HoldoutSplit],
        all_splits: list[HoldoutSplit],
        sampling: Sampling,
    ) -> None:
        self.trials = holdout.hide(holdout.left_out(views), all_splits)
        self._sampling = sampling
        self._count = len(holdout)
        self._features = self.trials.features()
        group = holdout.group(GROUPS)[self.trials.query]
        self.probability = np.ones(self.trials.eligible.shape, np.float32)
        for part in range(GROUPS):
            others = group != part
            if self.trials.hidden[others].any() and not others.all():
                model = fit(self.trials.take(others), self._features[others])
                self.probability[~others] = model.probability(self._features[~others])
        self._repeats = np.maximum(np.bincount(self.trials.query, minlength=self._count), 1)

    def model(self) -> RelevanceModel:
        """Fitted on all queries."""
        return fit(self.trials, self._features)

    def leak(self, threshold: float) -> FalseNegativeRate:
        """At a threshold: each known positive counted once, over the negatives of one mining."""
        trials = self.trials
        chosen = choose(
            trials.eligible & (self.probability < threshold),
            self._sampling,
            trials.uniform,
            trials.score_minus_mean_positive,
        )
        leaked = sum_by_query(trials, chosen & trials.hidden, self._count)
        mined = sum_by_query(trials, chosen, self._count) / self._repeats
        return estimate_rate(leaked, mined)

    @cached_property
    def curve(self) -> list[tuple[float, FalseNegativeRate]]:
        """The leak at thresholds worth trying, lowest first."""
        found = self.probability[self.trials.eligible]
        steps = np.unique(np.quantile(found, np.linspace(0, 1, STEPS) ** 0.5)) if len(found) else []
        return [(float(step), self.leak(float(step))) for step in steps]

    def threshold(self, target: float, unlabelled: float) -> tuple[float, FalseNegativeRate]:
        """The highest whose rate, with a standard error for safety, is at most the target.

        Where there is none, that with the lowest such sum.

        Args:
            target: rate of false negatives.
            unlabelled: passages that nobody labelled, for each positive.

        Returns:
            The threshold, and the leak at it for one unlabelled passage to a positive.
        """
        reached = [p for p in self.curve if p[1].upper_estimate * unlabelled <= target]
        return reached[-1] if reached else min(self.curve, key=lambda p: p[1].upper_estimate)


def fit(trials: HoldoutRankings, values: NDArray[np.float32]) -> RelevanceModel:
    """A model of what is hidden among the eligible candidates of trials."""
    return RelevanceModel.fit(values[trials.eligible], trials.hidden[trials.eligible])


def _unsupported(settings: FiltersSettings, why: str, queries: int, hidden: int) -> Calibration:
    target = settings.target_false_negative_rate
    assert target is not None
    return Calibration(
        target=target,
        unlabelled_per_positive=settings.unlabelled_per_positive,
        why_not=why,
        model=None,
        threshold=0.0,
        rate=None,
        rate_low=None,
        rate_high=None,
        queries=queries,
        hidden=hidden,
    )
