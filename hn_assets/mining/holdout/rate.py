"""The false-negative rate: which share of the mined negatives are hidden positives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z = 1.96  # of a 95 % interval


@dataclass(frozen=True)
class FalseNegativeRate:
    """How many hidden positives were mined.

    Attributes:
        rate: The share of the mined negatives.
        low: The lower end of the 95 % confidence interval over queries.
        high: The upper end of the 95 % confidence interval over queries.
        error: The standard error of the rate.
        negatives: The number of mined negatives.
    """

    rate: float
    low: float
    high: float
    error: float
    negatives: int

    @property
    def upper_estimate(self) -> float:
        """The rate plus its standard error; if no hidden positive was mined, as if one had been."""
        return self.rate + self.error if self.rate else 1 / max(self.negatives, 1)

    def times(self, factor: float) -> "FalseNegativeRate":
        """The rate if there were `factor` times as many positives that could be mined."""
        rate, low, high = (min(1.0, x * factor) for x in (self.rate, self.low, self.high))
        return FalseNegativeRate(rate, low, high, self.error * factor, self.negatives)


def estimate_rate(
    false_negatives: NDArray[np.float64], negatives: NDArray[np.float64]
) -> FalseNegativeRate:
    """The ratio of two sums over queries, with an interval for other queries like them.

    Args:
        false_negatives: How many hidden positives were mined for each query; (queries,).
        negatives: How many negatives were mined for each query; (queries,).
    """
    total = negatives.sum()
    if not total:
        return FalseNegativeRate(0.0, 0.0, 1.0, 0.0, 0)
    rate = false_negatives.sum() / total
    error = float(np.sqrt(((false_negatives - rate * negatives) ** 2).sum()) / total)
    # if no hidden positive was mined, the spread says nothing: the rule of three
    high = rate + Z * error if false_negatives.any() else 3 / total
    low = max(0.0, float(rate - Z * error))
    return FalseNegativeRate(float(rate), low, min(1.0, float(high)), error, int(total))
