"""Whether one model is better than another, query by query."""

import numpy as np
import pytest

from hn_assets.evaluation.paired_comparison import compare_paired


def test_a_rise_of_most_queries_is_found() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(300)
    found = compare_paired(before, before + rng.normal(0.03, 0.1, 300), 0.95)
    assert found.low < found.difference < found.high
    assert found.outcome(0.0) == "better"
    assert found.p_value < 0.01
    assert found.outcome(0.1) == "no difference was found"
    worse = compare_paired(before + rng.normal(0.03, 0.1, 300), before, 0.95)
    assert worse.outcome(0.0) == "worse"


def test_equal_models_are_told_from_better_ones_as_often_as_the_confidence_says() -> None:
    rng = np.random.default_rng(1)
    outcomes = [
        compare_paired(np.zeros(100), rng.normal(0, 0.1, 100), 0.9).outcome(0.0) for _ in range(60)
    ]
    wrong = sum(outcome != "no difference was found" for outcome in outcomes)
    assert 1 <= wrong <= 15, "10 % of 60, within what chance allows"


@pytest.mark.parametrize(
    ("queries", "value", "p_value", "outcome"),
    [
        (6, 0.0, 1.0, "no difference was found"),
        (6, 0.25, 2 / 2**6, "better"),
        (6, -0.25, 2 / 2**6, "worse"),
        # five signs out of five are alike by chance in one case of 16
        (5, 0.25, 2 / 2**5, "no difference was found"),
        (5, -0.25, 2 / 2**5, "no difference was found"),
        (1, 0.25, 1.0, "no difference was found"),
    ],
)
def test_the_same_change_of_all_queries_has_no_spread(
    queries: int, value: float, p_value: float, outcome: str
) -> None:
    found = compare_paired(np.full(queries, 0.5), np.full(queries, 0.5 + value), 0.95)
    assert (found.low, found.high) == (value, value)
    assert found.p_value == pytest.approx(p_value)
    assert found.outcome(0.0) == outcome
    assert found.outcome(-1.0) == "better", "so great a fall is allowed"


def test_without_queries_nothing_is_measured() -> None:
    found = compare_paired(np.array([]), np.array([]), 0.95)
    assert found.outcome(-1.0) == "not measured"
    assert found.describe() == "no query of the evaluation split has a positive"
