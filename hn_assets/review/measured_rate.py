"""The false-negative rate that follows from verdicts on a sample, and how sure it is.

The sample was drawn with known chances, so that nothing is assumed about the negatives that nobody
has looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hn_assets.mining.holdout.rate import FalseNegativeRate

ALPHA = 0.05
# a reviewer who finds hardly more among the relevant than among the others tells nothing
MIN_YOUDEN = 0.1


@dataclass(frozen=True)
class Stratum:
    """The verdicts on the negatives that were drawn from a stratum.

    Attributes:
        size: How many negatives the stratum holds.
        judged: How many of those that were drawn were judged.
        relevant: How many of these were judged relevant.
    """

    size: float
    judged: int
    relevant: float


@dataclass(frozen=True)
class ReviewerErrors:
    """How a reviewer judged what was mixed in.

    Attributes:
        positives: How many known positives were judged.
        missed: How many of these were judged not relevant.
        random_documents: How many random documents were judged.
        false_alarms: How many of these were judged relevant.
        repeats: How many pairs were judged twice.
        repeats_agreeing: How many of these were judged in the same way.
    """

    positives: int
    missed: int
    random_documents: int
    false_alarms: int
    repeats: int
    repeats_agreeing: int


def stratified_rate(strata: Sequence[Stratum]) -> FalseNegativeRate:
    """The share of relevant negatives, from a stratified random sample (Horvitz and Thompson 1952).

    Strata without a verdict are counted to the next one. The interval is that of Clopper and
    Pearson (1934) if all verdicts weigh the same. If no negative was judged relevant it is exact as
    well, and reaches to the rate at which that has a chance of 5 %. Otherwise it is that of Fay and
    Feuer (1997, https://pubmed.ncbi.nlm.nih.gov/9131766/) for weighted sums of rare events.

    Args:
        strata: The verdicts, by stratum.
    """
    from scipy.stats import beta, chi2

    strata = _with_verdicts(strata)
    judged = sum(stratum.judged for stratum in strata)
    total = sum(stratum.size for stratum in strata)
    if not judged:
        return FalseNegativeRate(0.0, 0.0, 1.0, 0.0, 0)
    weights = np.array([s.size / total / s.judged for s in strata])
    counts = np.array([s.judged for s in strata], float)
    found = np.array([s.relevant for s in strata], float)
    rate = float((weights * found).sum())
    spread = found / counts * (1 - found / counts) / np.maximum(counts - 1, 1)
    error = float(np.sqrt(((weights * counts) ** 2 * spread).sum()))
    hits = float(found.sum())
    if not hits:
        # a uniform sample of so many would be no more informative in any stratum
        low, high = 0.0, zero_bound(float(1 / weights.max()))
    elif np.ptp(weights) < 1e-9:
        low = float(beta.ppf(ALPHA / 2, hits, judged - hits + 1))
        high = float(beta.ppf(1 - ALPHA / 2, hits + 1, judged - hits)) if hits < judged else 1.0
    else:
        largest = float(weights.max())
        variance = float((weights**2 * found).sum())
        low = variance / (2 * rate) * float(chi2.ppf(ALPHA / 2, 2 * rate**2 / variance))
        above = variance + largest**2
        freedom = 2 * (rate + largest) ** 2 / above
        high = above / (2 * (rate + largest)) * float(chi2.ppf(1 - ALPHA / 2, freedom))
    return FalseNegativeRate(rate, low, min(1.0, high), error, judged)


def zero_bound(verdicts: float) -> float:
    """The rate at which no relevant one among so many uniform verdicts has a chance of 5 %.

    >>> [round(100 * zero_bound(n), 2) for n in (50, 200, 300)]
    [5.82, 1.49, 0.99]
    """
    return 1 - ALPHA ** (1 / verdicts)


def adjust_for_errors(rate: FalseNegativeRate, errors: ReviewerErrors) -> FalseNegativeRate | None:
    """The rate without the reviewer's errors (Rogan and Gladen 1978).

    The ends of the interval take the reviewer's errors at the ends of their own exact intervals,
    so that few known positives and few random documents make it wide.

    Args:
        rate: The share that was judged relevant.
        errors: How the reviewer judged what was mixed in.

    Returns:
        None if the errors were not measured, or if the verdicts hardly depend on what is relevant.
    """
    if not errors.positives or not errors.random_documents:
        return None
    found, found_low, found_high = _share(errors.positives - errors.missed, errors.positives)
    alarm, alarm_low, alarm_high = _share(errors.false_alarms, errors.random_documents)
    if found - alarm < MIN_YOUDEN:
        return None

    def true_rate(apparent: float, sensitivity: float, false_alarms: float) -> float:
        if apparent <= false_alarms:
            return 0.0
        return min(1.0, (apparent - false_alarms) / max(sensitivity - false_alarms, 1e-9))

    return replace(
        rate,
        rate=true_rate(rate.rate, found, alarm),
        low=true_rate(rate.low, found_high, alarm_high),
        high=true_rate(rate.high, found_low, alarm_low),
        error=rate.error / (found - alarm),
    )


def _share(count: int, total: int) -> tuple[float, float, float]:
    """A share with its exact 95 % interval, one-sided where the share is 0 or 1."""
    from scipy.stats import binomtest

    if count in (0, total):
        bound = zero_bound(total)
        return (0.0, 0.0, bound) if count == 0 else (1.0, 1 - bound, 1.0)
    interval = binomtest(count, total).proportion_ci(1 - ALPHA, method="exact")
    return count / total, float(interval.low), float(interval.high)


def _with_verdicts(strata: Sequence[Stratum]) -> list[Stratum]:
    """The strata that have verdicts; each one without is counted to the one before or behind."""
    found: list[Stratum] = []
    waiting = 0.0
    for stratum in strata:
        if stratum.judged:
            found.append(replace(stratum, size=stratum.size + waiting))
            waiting = 0.0
        elif found:
            found[-1] = replace(found[-1], size=found[-1].size + stratum.size)
        else:
            waiting += stratum.size
    return found


def describe_power(num_negatives: int, weight_ratio: float = 1.0) -> str:
    """What so many verdicts can show, and what they cannot, for people before they start.

    Args:
        num_negatives: How many negatives are drawn.
        weight_ratio: The largest weight of a verdict over the mean one; 1 if all weigh the same.
    """
    bound = zero_bound(num_negatives / weight_ratio)
    hits = max(1, round(0.02 * num_negatives))
    some = stratified_rate([Stratum(num_negatives, num_negatives, hits)])
    return (
        f"{num_negatives} verdicts: if none of the negatives is relevant, at most {bound:.2%} of "
        f"all are (95 %); if {hits} are, the interval is about {some.low:.2%} to {some.high:.2%}. "
        f"A lower rate cannot be shown with so few, and a reviewer's errors widen the interval"
    )
