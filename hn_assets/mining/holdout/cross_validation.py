"""Probabilities of relevance, and the rate of false negatives that a threshold leaves.

Two things are known of a threshold. Known positives are hidden and judged by a model that never saw
their query: what is mined of them is counted. And the model says how many relevant candidates it
expects among the negatives of the queries as they are, which needs no second positive. The fewer
positives could be hidden, the more the second counts. What queries that ask nearly the same lend to
those with one positive sharpens the model, and is never counted.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.methods import Method
from hn_assets.mining.holdout.rate import FalseNegativeRate, Z, measured_rate
from hn_assets.mining.holdout.splits import HoldoutRankings, HoldoutSplit
from hn_assets.mining.holdout.unlabelled import Unlabelled, estimate_unlabelled
from hn_assets.mining.relevance.compute_features import model_inputs
from hn_assets.mining.relevance.logistic_model import RelevanceModel
from hn_assets.mining.relevance.prior import RelevancePrior, shipped_prior
from hn_assets.mining.relevance.similarity import WINDOW

SMALLEST_RATE = 1e-6
PRIOR_HITS = 1.0  # an estimate that is off by more than a factor of two weighs little
HIDDEN_ENOUGH = 10  # hidden positives: half of what other collections have shown is believed
# of a standard error, by which a threshold has to be better than the target: the highest of many
# thresholds that seem to be good enough is one that chance has favoured
CAUTION = 0.5
GROUPS = 5  # of queries: a model judges the queries of a group that it was not fitted on
THRESHOLDS = 50  # that are tried
GOLDEN_RATIO = 0.6180339887498949  # its multiples, modulo 1, lie far from one another
# Irrelevant candidates that a model is fitted on, about; the rest is what these stand for.
MAX_IRRELEVANT = 100_000
REFINEMENTS = 6  # thresholds that are tried between the best of them and the next


@dataclass(frozen=True)
class ThresholdRate:
    """What is known of a threshold.

    Attributes:
        threshold: The limit of the probability of being relevant.
        measured: The rate of hidden positives, for one unlabelled relevant passage to each known
            positive.
        expected: The share of the negatives that the model expects to be relevant.
        negatives: The number of negatives of the queries as they are.
    """

    threshold: float
    measured: FalseNegativeRate
    expected: float
    negatives: int


class CrossValidation:
    """Hides every visible positive once, and judges the candidates of each query by a model.

    The model of a query was fitted on queries of other groups.

    Args:
        holdout: The queries.
        splits: The queries to look at, with the positives that are visible of each.
        all_splits: The same of every query of the hold-out.
        unlabelled_per_positive: How many relevant passages to expect that nobody labelled, for each
            known positive; None to estimate it.
        prior: What is known of relevance before; what ships for such candidates if it is None.

    Attributes:
        rankings: The rankings with hidden positives.
        probability: The probability of being relevant; float32, (rankings, depth).
        hidden: The number of hidden positives within the rankings.
        lent: Rankings of queries with one positive that other queries lend a second one.
        unlabelled: How many relevant passages to expect that nobody labelled.
        model: The model that is fitted on all queries.
    """

    def __init__(
        self,
        holdout: Holdout,
        splits: list[HoldoutSplit],
        all_splits: list[HoldoutSplit],
        unlabelled_per_positive: float | None = None,
        prior: RelevancePrior | None = None,
    ) -> None:
        self._prior = prior or shipped_prior(with_lexical_rank=bool(holdout.lexical_retrievers))
        self._curves: dict[Method, list[ThresholdRate]] = {}
        self._count = len(holdout)
        self.rankings = holdout.hide(holdout.leave_out(splits), all_splits)
        self._as_mined = holdout.hide(splits, all_splits)
        self._weights = holdout.weights[self._as_mined.query]
        self.hidden = int(self.rankings.hidden.sum())
        self.lent = holdout.lend(splits, all_splits)
        self._lent_inputs = model_inputs(self.lent.features)
        inputs = model_inputs(self.rankings.features)
        as_mined = model_inputs(self._as_mined.features)
        if unlabelled_per_positive is None:
            self.unlabelled = estimate_unlabelled(
                self._as_mined, as_mined, self._weights, self._prior
            )
        else:
            self.unlabelled = Unlabelled(unlabelled_per_positive, 1.0, "assumed")
        order = self._as_mined.features.score_order[:, :WINDOW]
        window = np.take_along_axis(self._as_mined.features.eligible, order, 1)
        self._window = np.take_along_axis(as_mined, order[:, :, None], 1)[window]
        self._known_in_window = np.take_along_axis(self._as_mined.visible, order, 1).sum(axis=1)
        self._window_weights = np.broadcast_to(self._weights[:, None], window.shape)[window]
        group = holdout.groups(GROUPS)[self.rankings.query]
        self.probability = np.ones(self.rankings.hidden.shape, np.float32)
        for part in range(GROUPS):
            others = group != part
            if not others.all():
                model = self._fit(self.rankings.take(others), inputs[others])
                self.probability[~others] = model.probability(inputs[~others])
        self.model = self._fit(self.rankings, inputs)
        self._as_mined = self._as_mined.with_probability(self.model.probability(as_mined), 1.0)
        self._repeats = np.maximum(np.bincount(self.rankings.query, minlength=self._count), 1)

    def _fit(self, rankings: HoldoutRankings, inputs: NDArray[np.float32]) -> RelevanceModel:
        """A model of what is hidden and lent, expecting as many relevant ones as are unlabelled.

        Args:
            rankings: The rankings with hidden positives.
            inputs: From `model_inputs`, of the same rankings.
        """
        of_rankings, in_lent = _to_fit_on(rankings), self.lent.features.eligible
        fitted = of_rankings > 0
        weights = np.concatenate([of_rankings[fitted], np.ones(int(in_lent.sum()))])
        model = self._prior.fit(
            np.concatenate([inputs[fitted], self._lent_inputs[in_lent]]),
            np.concatenate([rankings.hidden[fitted], self.lent.hidden[in_lent]]),
            self.unlabelled.per_positive,
            None if (weights == 1).all() else weights,
        )
        known = self._known_in_window @ self._weights
        # what a model misses is seen where positives are hidden, and need not be assumed
        unseen = HIDDEN_ENOUGH / (HIDDEN_ENOUGH + self.hidden)
        times = self.unlabelled.per_positive * self.unlabelled.among_candidates**unseen
        expected = max(times * float(known), 1.0)
        # not more than a half of what may be a negative: then nothing could be told apart
        expected = min(expected, 0.5 * float(self._window_weights.sum()))
        return model.expecting(self._window, self._window_weights, expected)

    def rate_at(self, method: Method, threshold: float) -> ThresholdRate:
        """What is known of a threshold: each known positive is hidden once, and all are mined.

        Args:
            method: How negatives are taken; the model of relevance is among its filters.
            threshold: The limit of the probability of being relevant.
        """
        rankings = self.rankings.with_probability(self.probability, threshold)
        chosen = method.choose(rankings)
        false_negatives = rankings.sum_by_query(chosen & rankings.hidden, self._count)
        negatives = rankings.sum_by_query(chosen, self._count) / self._repeats
        measured = measured_rate(false_negatives, negatives)
        return ThresholdRate(threshold, measured, *self._expected(method, threshold))

    def _expected(self, method: Method, threshold: float) -> tuple[float, int]:
        """Which share of the negatives the model calls relevant, of the queries as they are.

        Returns:
            The share, and the number of the negatives.
        """
        features = replace(self._as_mined.features, probability_threshold=threshold)
        chosen = method.choose(replace(self._as_mined, features=features))
        if features.probability is None or not chosen.any():
            return 0.0, 0
        relevant = (chosen * features.probability).sum(axis=1, dtype=float) @ self._weights
        share = float(relevant / (chosen.sum(axis=1) @ self._weights))
        return share, int(chosen.sum())

    def total(self, point: ThresholdRate) -> FalseNegativeRate:
        """The rate to expect at a threshold, by what was measured and by what the model expects."""
        times, measured = self.unlabelled.per_positive, point.measured
        share = self.share_of_own_labels(point)
        expected = (1 - share) * point.expected
        factor = self._prior.rate_factor**Z
        return FalseNegativeRate(
            rate=min(1.0, share * times * measured.rate + expected),
            low=share * times * measured.low + expected / factor,
            high=min(1.0, share * times * measured.high + expected * factor),
            error=CAUTION * share * times * (measured.upper_estimate - measured.rate),
            negatives=point.negatives,
            kind=self.unlabelled.kind,
        )

    def share_of_own_labels(self, point: ThresholdRate) -> float:
        """How much of the rate rests on hidden positives; the rest is what the model expects.

        What the model expects is taken for the mean of a gamma distribution, worth `PRIOR_HITS`
        false negatives that were seen; those that are seen, for Poisson. Then the mean afterwards
        is that of both, with these shares.
        """
        if not self.hidden:
            return 0.0
        per_known = max(point.expected / self.unlabelled.per_positive, SMALLEST_RATE)
        return point.measured.negatives / (point.measured.negatives + PRIOR_HITS / per_known)

    def curve(self, method: Method) -> list[ThresholdRate]:
        """The rate at each threshold that is worth trying, the lowest threshold first."""
        if method not in self._curves:
            steps = self._thresholds
            self._curves[method] = [self.rate_at(method, step) for step in steps]
        return self._curves[method]

    @cached_property
    def _thresholds(self) -> list[float]:
        features = self._as_mined.features
        assert features.probability is not None
        found = features.probability[features.eligible]
        if not len(found):
            return [1.0]
        return np.unique(np.quantile(found, np.linspace(0, 1, THRESHOLDS) ** 0.5)).tolist()

    def threshold(self, method: Method, target: float) -> ThresholdRate:
        """The highest threshold whose rate, with some caution, is at most the target.

        If no threshold reaches the target, it is the one with the lowest such sum.

        Args:
            method: How negatives are taken.
            target: The rate of false negatives that is to be kept.
        """
        curve = self.curve(method)
        reached = [i for i, point in enumerate(curve) if self._upper(point) <= target]
        if not reached:
            return min(curve, key=self._upper)
        best = curve[reached[-1]]
        if reached[-1] + 1 == len(curve):
            return best
        low, high = best.threshold, curve[reached[-1] + 1].threshold
        for step in np.linspace(low, high, REFINEMENTS + 2)[1:-1].tolist():
            point = self.rate_at(method, step)
            best = point if self._upper(point) <= target else best
        return best

    def _upper(self, point: ThresholdRate) -> float:
        return self.total(point).upper_estimate


def _to_fit_on(rankings: HoldoutRankings) -> NDArray[np.float64]:
    """How often each candidate counts in a fit, 0 if it is left out; float64, (rankings, depth).

    All hidden positives count, and a sample of the others, each for those that it stands for. Which
    ones depends on seed, query id and document id alone, and is another choice in each of the
    rankings of a query.
    """
    others = rankings.features.eligible & ~rankings.hidden
    share = min(1.0, MAX_IRRELEVANT / max(int(others.sum()), 1))
    row = np.arange(len(rankings))
    is_first = np.diff(rankings.query, prepend=-1) != 0
    among_its_own = row - np.maximum.accumulate(np.where(is_first, row, 0))
    drawn = np.mod(rankings.uniform + among_its_own[:, None] * GOLDEN_RATIO, 1)
    sampled = others & (drawn < share)
    return np.where(sampled, 1 / share, 0.0) + (rankings.features.eligible & rankings.hidden)
