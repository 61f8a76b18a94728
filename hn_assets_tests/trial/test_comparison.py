"""Differences between plans, their intervals, and what could be shown at all."""

import math

import numpy as np
import pytest

from hn_assets.trial.comparison import (
    NO_SEEDS,
    SeedVariance,
    compare_plans,
    deviation_of_differences,
    estimate_seed_variance,
    mean_quality,
    smallest_difference,
)


def measured(values: list[list[float]]) -> dict[int, dict[str, float]]:
    """One list for each repeat, of other queries each."""
    return {
        repeat: {f"q{repeat}-{i}": value for i, value in enumerate(of_repeat)}
        for repeat, of_repeat in enumerate(values)
    }


def compare(one: dict, other: dict, comparisons: int = 1, seeds: SeedVariance = NO_SEEDS):
    return compare_plans(one, other, confidence=0.95, comparisons=comparisons, seed_variance=seeds)


def test_only_repeats_that_both_have_are_compared() -> None:
    one = measured([[0.5, 0.7], [0.9, 0.9]])
    other = measured([[0.4, 0.6]])
    found = compare(one, other)
    assert found.mean == pytest.approx(0.1)
    assert (found.queries, found.repeats) == (2, 1)


def test_a_query_that_judges_twice_counts_once() -> None:
    one = {0: {"a": 1.0, "b": 0.0}, 1: {"a": 0.0}}
    assert mean_quality(one, [0, 1]) == pytest.approx(0.25)


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    from scipy import stats

    chance = np.random.default_rng(0)
    each = chance.normal(0.02, 0.1, 60)
    one, other = measured([list(0.5 + each)]), measured([[0.5] * 60])
    wanted = stats.ttest_1samp(each, 0.0).confidence_interval(0.95)
    found = compare(one, other)
    assert (found.low, found.high) == (pytest.approx(wanted.low), pytest.approx(wanted.high))
    more = compare(one, other, comparisons=10)
    assert more.low < found.low
    assert compare(one, other, seeds=SeedVariance(0.01, 3)).low < found.low


def test_one_query_shows_nothing() -> None:
    found = compare(measured([[0.9]]), measured([[0.1]]))
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_equal_measurements_have_no_spread() -> None:
    same = measured([[0.5, 0.6], [0.7, 0.8]])
    found = compare(same, same, seeds=SeedVariance(0.01, 3))
    assert (found.low, found.mean, found.high) == (0.0, 0.0, 0.0)


def test_the_variance_of_seeds_is_found_again() -> None:
    chance = np.random.default_rng(1)
    plans = {
        f"p{p}": measured([list(chance.normal(chance.normal(0, 0.03), 0.1, 100)) for _ in range(8)])
        for p in range(6)
    }
    # of a difference, so twice that of one training
    assert estimate_seed_variance(plans).value == pytest.approx(2 * 0.03**2, rel=0.5)
    assert estimate_seed_variance(plans).freedom == 35
    assert estimate_seed_variance({"p0": measured([[0.5, 0.6]])}) == NO_SEEDS


def test_the_smallest_difference_is_found_four_times_out_of_five() -> None:
    smallest = smallest_difference(0.1, 200, confidence=0.95, comparisons=1)
    chance = np.random.default_rng(2)
    none = measured([[0.0] * 200])
    found = [
        compare(measured([list(chance.normal(smallest, 0.1, 200))]), none).low > 0
        for _ in range(500)
    ]
    assert 0.74 < np.mean(found) < 0.86
    assert smallest_difference(0.1, 1, confidence=0.95, comparisons=1) == math.inf
    assert deviation_of_differences({"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 0.0}) > 0.5
