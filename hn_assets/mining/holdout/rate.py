"""The false-negative rate: which share of the mined negatives are relevant, and how that is known.

A rate is of one of three kinds, and whoever shows it names the kind.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Z = 1.96  # of a 95 % interval

RateKind = Literal["measured", "estimated", "assumed"]

# what each kind of rate rests on
RATE_KINDS: dict[RateKind, str] = {
    "measured": "relevant negatives were counted: hidden positives, or those that people judged",
    "estimated": "a model of relevance was asked, whose error is known from other collections",
    "assumed": "nobody measured it",
}


@dataclass(frozen=True)
class FalseNegativeRate:
    """Which share of the mined negatives are relevant.

    Attributes:
        rate: The share of the mined negatives.
        low: The lower end of the 95 % interval of the rate.
        high: The upper end of the 95 % interval of the rate.
        error: The standard error of the rate.
        negatives: The number of negatives that the rate was found on.
        kind: How the rate is known; `RATE_KINDS` says what each kind rests on.
    """

    rate: float
    low: float
    high: float
    error: float
    negatives: int
    kind: RateKind = "measured"

    def describe(self) -> str:
        """The rate with its interval and its kind, for people.

        >>> FalseNegativeRate(0.01, 0.005, 0.02, 0.004, 500).describe()
        '1.00 % (0.50 to 2.00, measured on 500 negatives)'
        """
        interval = f"{100 * self.low:.2f} to {100 * self.high:.2f}"
        return f"{100 * self.rate:.2f} % ({interval}, {self.kind} on {self.negatives:,} negatives)"

    @property
    def upper_estimate(self) -> float:
        """The rate plus its standard error; if no hidden positive was mined, as if one had been."""
        return self.rate + self.error if self.rate else 1 / max(self.negatives, 1)

    def times(self, factor: float) -> "FalseNegativeRate":
        """The rate if there were `factor` times as many positives that could be mined."""
        rate, low, high = (min(1.0, x * factor) for x in (self.rate, self.low, self.high))
        return replace(self, rate=rate, low=low, high=high, error=self.error * factor)


def measured_rate(
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
