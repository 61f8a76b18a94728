"""Probabilities of relevance for hidden positives, each from a model that never saw the query."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.methods import Method
from hn_assets.mining.holdout.rate import FalseNegativeRate, measured_rate
from hn_assets.mining.holdout.splits import HoldoutRankings, HoldoutSplit
from hn_assets.mining.relevance.compute_features import MODEL_INPUTS, model_inputs
from hn_assets.mining.relevance.logistic_model import RelevanceModel

GROUPS = 5  # of queries: a model judges the queries of a group that it was not fitted on
THRESHOLDS = 80  # that are tried


class CrossValidation:
    """Hides every visible positive once, and judges the candidates of each query by a model.

    The model of a query was fitted on queries of other groups.

    Args:
        holdout: The queries.
        splits: The queries to look at, with the positives that are visible of each.
        all_splits: The same of every query of the hold-out.

    Attributes:
        rankings: The rankings with hidden positives.
        probability: The probability of being relevant; float32, (rankings, depth).
    """

    def __init__(
        self,
        holdout: Holdout,
        splits: list[HoldoutSplit],
        all_splits: list[HoldoutSplit],
    ) -> None:
        self.rankings = holdout.hide(holdout.leave_out(splits), all_splits)
        self._curves: dict[Method, list[tuple[float, FalseNegativeRate]]] = {}
        self._count = len(holdout)
        self._inputs = model_inputs(self.rankings.features)
        group = holdout.groups(GROUPS)[self.rankings.query]
        self.probability = np.ones(self.rankings.hidden.shape, np.float32)
        for part in range(GROUPS):
            others = group != part
            if self.rankings.hidden[others].any() and not others.all():
                model = fit(self.rankings.take(others), self._inputs[others])
                self.probability[~others] = model.probability(self._inputs[~others])
        self._repeats = np.maximum(np.bincount(self.rankings.query, minlength=self._count), 1)

    def model(self) -> RelevanceModel:
        """The model that is fitted on all queries."""
        return fit(self.rankings, self._inputs)

    def rate_at(self, method: Method, threshold: float) -> FalseNegativeRate:
        """The rate at a threshold, for one unlabelled relevant passage to each known positive.

        Each known positive is hidden once; the negatives are those of one mining.

        Args:
            method: How negatives are taken; the model of relevance is among its filters.
            threshold: The limit of the probability of being relevant.
        """
        rankings = self.rankings.with_probability(self.probability, threshold)
        chosen = method.choose(rankings)
        false_negatives = rankings.sum_by_query(chosen & rankings.hidden, self._count)
        negatives = rankings.sum_by_query(chosen, self._count) / self._repeats
        return measured_rate(false_negatives, negatives)

    def curve(self, method: Method) -> list[tuple[float, FalseNegativeRate]]:
        """The rate at each threshold that is worth trying, the lowest threshold first."""
        if method not in self._curves:
            steps = self._thresholds
            self._curves[method] = [(step, self.rate_at(method, step)) for step in steps]
        return self._curves[method]

    @cached_property
    def _thresholds(self) -> list[float]:
        found = self.probability[self.rankings.features.eligible]
        if not len(found):
            return []
        return np.unique(np.quantile(found, np.linspace(0, 1, THRESHOLDS) ** 0.5)).tolist()

    def threshold(
        self, method: Method, target: float, unlabelled_per_positive: float
    ) -> tuple[float, FalseNegativeRate]:
        """The highest threshold whose rate, plus a standard error, is at most the target.

        If no threshold reaches the target, it is the one with the lowest such sum.

        Args:
            method: How negatives are taken.
            target: The rate of false negatives that is to be kept.
            unlabelled_per_positive: How many relevant passages are expected that nobody labelled,
                for each known positive.

        Returns:
            The threshold, and the rate at it as `rate_at` gives it.
        """
        reached = [
            point
            for point in self.curve(method)
            if point[1].upper_estimate * unlabelled_per_positive <= target
        ]
        return (
            reached[-1] if reached else min(self.curve(method), key=lambda p: p[1].upper_estimate)
        )


def fit(rankings: HoldoutRankings, inputs: NDArray[np.float32]) -> RelevanceModel:
    """A model of what is hidden among the eligible candidates.

    Args:
        rankings: The rankings with hidden positives.
        inputs: From `model_inputs`, of the same rankings.
    """
    eligible = rankings.features.eligible
    return RelevanceModel.fit(inputs[eligible], rankings.hidden[eligible], MODEL_INPUTS)
