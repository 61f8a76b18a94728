"""The rate that verdicts measure: its interval holds the true rate, and errors are taken out."""

import numpy as np
import pytest
from scipy.stats import binomtest

from hn_assets.review.measured_rate import (
    ReviewerErrors,
    Stratum,
    adjust_for_errors,
    describe_power,
    stratified_rate,
    zero_bound,
)

NO_ERRORS = ReviewerErrors(20, 0, 20, 0, 10, 10)


@pytest.mark.parametrize(("verdicts", "bound"), [(50, 0.058), (200, 0.015), (300, 0.0099)])
def test_uniform_verdicts_without_a_hit_bound_the_rate(verdicts: int, bound: float) -> None:
    found = stratified_rate([Stratum(5_000, verdicts, 0)])
    assert (found.rate, found.low, found.kind) == (0, 0, "measured")
    assert found.high == pytest.approx(bound, abs=5e-4 if bound > 0.01 else 5e-5)
    assert f"at most {found.high:.2%}" in describe_power(verdicts)


def test_uniform_verdicts_have_the_exact_interval() -> None:
    found = stratified_rate([Stratum(3_000, 60, 3), Stratum(2_000, 40, 0)])
    exact = binomtest(3, 100).proportion_ci(method="exact")
    assert (found.rate, found.negatives) == (pytest.approx(0.03), 100)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))


def test_a_verdict_weighs_as_many_negatives_as_it_stands_for() -> None:
    found = stratified_rate([Stratum(100, 50, 10), Stratum(900, 50, 0)])
    assert found.rate == pytest.approx(0.1 * 0.2)
    assert found.low < 0.02 < found.high
    # without a hit, the bound is that of the stratum that was looked at the least
    none = stratified_rate([Stratum(100, 50, 0), Stratum(900, 50, 0)])
    assert none.high == pytest.approx(zero_bound(50 / 0.9))


def test_strata_without_verdicts_are_counted_to_their_neighbours() -> None:
    found = stratified_rate([Stratum(100, 0, 0), Stratum(300, 30, 3), Stratum(600, 0, 0)])
    assert found.rate == pytest.approx(0.1)
    assert stratified_rate([Stratum(100, 0, 0)]).negatives == 0
    assert stratified_rate([]).high == 1


@pytest.mark.parametrize(
    "rates", [(0.012, 0.012, 0.012), (0.1, 0.005, 0.0005), (0.3, 0.05, 0.01), (0, 0, 0.02)]
)
@pytest.mark.parametrize("judged", [(10, 30, 60), (20, 30, 50), (60, 100, 140)])
def test_the_interval_holds_the_true_rate(
    rates: tuple[float, ...], judged: tuple[int, ...]
) -> None:
    sizes = np.array([1_000, 3_000, 6_000])
    true = float((sizes * rates).sum() / sizes.sum())
    draws = np.random.default_rng(7).binomial(judged, rates, (400, 3))
    held = 0
    for relevant in draws.tolist():
        found = stratified_rate(
            [Stratum(*each) for each in zip(sizes.tolist(), judged, relevant, strict=True)]
        )
        held += found.low <= true <= found.high
    assert held >= 0.93 * len(draws)


def test_a_reviewer_without_errors_changes_only_the_interval() -> None:
    found = stratified_rate([Stratum(5_000, 100, 4)])
    adjusted = adjust_for_errors(found, NO_ERRORS)
    assert adjusted is not None
    assert adjusted.rate == pytest.approx(found.rate)
    assert adjusted.low <= found.low
    assert adjusted.high > found.high


def test_errors_of_the_reviewer_are_taken_out() -> None:
    """A reviewer finds 8 of 10 and calls 1 of 20 relevant that are not; in truth 10 % are."""
    seen = 0.1 * 0.8 + 0.9 * 0.05
    found = stratified_rate([Stratum(50_000, 10_000, seen * 10_000)])
    errors = ReviewerErrors(10_000, 2_000, 10_000, 500, 0, 0)
    adjusted = adjust_for_errors(found, errors)
    assert adjusted is not None
    assert adjusted.rate == pytest.approx(0.1)
    assert adjusted.low < 0.1 < adjusted.high
    few = adjust_for_errors(found, ReviewerErrors(10, 2, 20, 1, 0, 0))
    assert few is not None
    assert few.high - few.low > adjusted.high - adjusted.low


@pytest.mark.parametrize(
    "errors",
    [
        ReviewerErrors(0, 0, 20, 0, 0, 0),
        ReviewerErrors(20, 0, 0, 0, 0, 0),
        # says `relevant` of everything, or of nothing
        ReviewerErrors(20, 0, 20, 20, 0, 0),
        ReviewerErrors(20, 20, 20, 0, 0, 0),
    ],
)
def test_errors_that_are_unknown_or_too_large_adjust_nothing(errors: ReviewerErrors) -> None:
    assert adjust_for_errors(stratified_rate([Stratum(5_000, 100, 4)]), errors) is None


def test_the_adjusted_interval_holds_the_true_rate() -> None:
    rng = np.random.default_rng(3)
    true, sensitivity, alarms = 0.02, 0.85, 0.02
    held, repetitions = 0, 300
    for _ in range(repetitions):
        seen = true * sensitivity + (1 - true) * alarms
        found = stratified_rate([Stratum(5_000, 100, rng.binomial(100, seen))])
        errors = ReviewerErrors(
            20, rng.binomial(20, 1 - sensitivity), 20, rng.binomial(20, alarms), 0, 0
        )
        adjusted = adjust_for_errors(found, errors)
        held += adjusted is not None and adjusted.low <= true <= adjusted.high
    assert held >= 0.93 * repetitions
