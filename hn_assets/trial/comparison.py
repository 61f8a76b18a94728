"""The differences between plans, query by query, with intervals for several comparisons at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

POWER = 0.8  # with which the smallest difference that can be shown would be found

# what was measured of a plan: nDCG@10 of each query that judged, by repeat
Measured = Mapping[int, Mapping[str, float]]


@dataclass(frozen=True)
class Difference:
    """How much better one plan is than another, over the repeats that both have.

    Attributes:
        mean: The mean difference over queries, each averaged over its repeats.
        low: The lower end of its interval.
        high: The upper end.
        queries: Number of queries.
        repeats: Number of repeats.
    """

    mean: float
    low: float
    high: float
    queries: int
    repeats: int


def mean_quality(measured: Measured, repeats: Iterable[int]) -> float:
    """The mean over queries, each averaged over those of the repeats in which it judged."""
    by_query: dict[str, list[float]] = {}
    for repeat in repeats:
        for query, value in measured[repeat].items():
            by_query.setdefault(query, []).append(value)
    return float(np.mean([np.mean(values) for values in by_query.values()]))


@dataclass(frozen=True)
class SeedVariance:
    """What the seed of a training does to the difference between two plans.

    Attributes:
        value: The variance of the difference that it causes alone.
        freedom: How many degrees of freedom the estimate has.
    """

    value: float
    freedom: int


NO_SEEDS = SeedVariance(0.0, 1)


def compare_plans(
    one: Measured,
    other: Measured,
    *,
    confidence: float,
    comparisons: int,
    seed_variance: SeedVariance = NO_SEEDS,
) -> Difference:
    """The mean difference between two plans with its interval.

    Both were measured on the same queries in the same repeats, so that the difficulty of a query
    cancels out. The interval holds for all `comparisons` at once (Bonferroni), and takes two causes
    of chance into account: which queries there are, and what the seed of a training does, which is
    the same for all queries that judge it. The degrees of freedom of their sum are Welch's and
    Satterthwaite's, as few repeats say little of the latter.

    Args:
        one: What was measured of one plan.
        other: The same of the other.
        confidence: That of all comparisons together.
        comparisons: How many there are, at all looks together.
        seed_variance: From `estimate_seed_variance`.
    """
    from scipy import stats

    shared = sorted(set(one) & set(other))
    each = _by_query(one, other, shared)
    mean = float(each.mean())
    if len(each) < 2:
        return Difference(mean, -math.inf, math.inf, len(each), len(shared))
    if not np.any(each):
        return Difference(mean, mean, mean, len(each), len(shared))
    of_queries = float(each.var(ddof=1)) / len(each)
    of_seeds = seed_variance.value / len(shared)
    variance = of_queries + of_seeds
    doubt = of_queries**2 / (len(each) - 1) + of_seeds**2 / seed_variance.freedom
    freedom = variance**2 / doubt if doubt else len(each) - 1
    quantile = 1 - (1 - confidence) / comparisons / 2
    reach = float(stats.t.ppf(quantile, freedom)) * math.sqrt(variance)
    return Difference(mean, mean - reach, mean + reach, len(each), len(shared))


def estimate_seed_variance(measured: Mapping[str, Measured]) -> SeedVariance:
    """The variance of the difference between two plans that the seed of a training alone causes.

    The mean differences of the repeats vary more than their queries explain; the excess, averaged
    over all pairs of plans, is what seeds do. It is 0 if there are fewer than two repeats.
    """
    excess: list[float] = []
    repeats = 0
    for one, other in combinations(measured.values(), 2):
        shared = sorted(set(one) & set(other))
        if len(shared) < 2:
            continue
        repeats = max(repeats, len(shared))
        means, explained = [], []
        for repeat in shared:
            each = _by_query(one, other, [repeat])
            means.append(each.mean())
            explained.append(each.var(ddof=1) / len(each) if len(each) > 1 else 0.0)
        excess.append(float(np.var(means, ddof=1) - np.mean(explained)))
    if not excess:
        return NO_SEEDS
    freedom = (repeats - 1) * (len(measured) - 1)
    return SeedVariance(max(0.0, float(np.mean(excess))), freedom)


def smallest_difference(
    deviation: float, queries: int, *, confidence: float, comparisons: int
) -> float:
    """The smallest difference of two plans that would be found four times out of five.

    Args:
        deviation: The standard deviation of the differences of single queries.
        queries: How many queries judge.
        confidence: That of all comparisons together.
        comparisons: How many there are.
    """
    from scipy import stats

    if queries < 2:
        return math.inf
    quantile = 1 - (1 - confidence) / comparisons / 2
    reach = float(stats.t.ppf(quantile, queries - 1) + stats.norm.ppf(POWER))
    return reach * deviation / math.sqrt(queries)


def deviation_of_differences(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The standard deviation of the differences of single queries in one repeat."""
    each = np.array([one[query] - other[query] for query in one])
    return float(each.std(ddof=1)) if len(each) > 1 else 0.0


def _by_query(one: Measured, other: Measured, repeats: Iterable[int]) -> NDArray[np.float64]:
    """The difference of each query, averaged over its repeats; float64, (queries,)."""
    found: dict[str, list[float]] = {}
    for repeat in repeats:
        for query, value in one[repeat].items():
            found.setdefault(query, []).append(value - other[repeat][query])
    return np.array([sum(values) / len(values) for values in found.values()])
