"""Whether one model answers queries better than another: the differences query by query."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 9_999
SEED = 0  # so that the same measurements give the same interval

Outcome = Literal["better", "worse", "no difference was found", "not measured"]


@dataclass(frozen=True)
class PairedComparison:
    """A measure of two models over the same queries.

    Attributes:
        queries: The number of queries.
        before: The mean of the model before.
        after: The mean of the new model.
        low: The lower end of the interval of the mean difference, by the bootstrap over queries.
        high: The upper end of the interval.
        confidence: That of the interval.
        p_value: How often differences whose signs are random are as far from zero: the paired
            randomisation test, two-sided.
    """

    queries: int
    before: float
    after: float
    low: float
    high: float
    confidence: float
    p_value: float

    @property
    def difference(self) -> float:
        """How much the mean has risen."""
        return self.after - self.before

    def outcome(self, min_improvement: float) -> Outcome:
        """What the interval says, where the randomisation test does not contradict it.

        The bootstrap over a handful of queries takes it for certain that others are like them; the
        randomisation test does not. It asks about zero, so it has no say where a fall is allowed.

        Args:
            min_improvement: By how much the mean must at least have risen to be better.
        """
        if not self.queries:
            return "not measured"
        differ = self.p_value <= 1 - self.confidence
        if self.low > min_improvement and (differ or min_improvement < 0):
            return "better"
        return "worse" if self.high < 0 and differ else "no difference was found"

    def describe(self) -> str:
        """The comparison in a sentence without its full stop."""
        if not self.queries:
            return "no query of the evaluation split has a positive"
        return (
            f"{self.before:.4f} before and {self.after:.4f} after, {self.difference:+.4f} "
            f"({self.low:+.4f} to {self.high:+.4f} with {self.confidence:.0%} confidence, measured "
            f"on {self.queries:,} queries; {_describe_p(self.p_value)})"
        )


def read_comparison(path: Path, measure: str) -> PairedComparison:
    """The comparison of one measure, from the JSON file of `fine_tuned_quality`."""
    return PairedComparison(**json.loads(path.read_text(encoding="utf-8"))[measure])


def _describe_p(value: float) -> str:
    """A p-value as it is printed.

    >>> _describe_p(0.0002), _describe_p(0.04)
    ('p < 0.001', 'p = 0.040')
    """
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def compare_paired(
    before: NDArray[np.float64], after: NDArray[np.float64], confidence: float
) -> PairedComparison:
    """Compare the measures of two models, query by query.

    Args:
        before: The measure of the model before, float64 of shape (queries,).
        after: The measure of the new model for the same queries, float64 of shape (queries,).
        confidence: That of the interval, as 0.95.
    """
    from scipy.stats import bootstrap, permutation_test

    if not len(before):
        return PairedComparison(0, 0.0, 0.0, 0.0, 0.0, confidence, 1.0)
    each = after - before
    low = high = float(each.mean())
    p_value = 1.0
    if np.ptp(each):
        interval = bootstrap(
            (each,),
            np.mean,
            n_resamples=RESAMPLES,
            batch=100,
            confidence_level=confidence,
            method="percentile",
            rng=np.random.default_rng(SEED),
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    if len(each) > 1 and each.any():
        p_value = permutation_test(
            (each,),
            np.mean,
            permutation_type="samples",
            vectorized=True,
            n_resamples=RESAMPLES,
            batch=100,
            rng=np.random.default_rng(SEED),
        ).pvalue
    return PairedComparison(
        len(each), float(before.mean()), float(after.mean()), low, high, confidence, float(p_value)
    )
