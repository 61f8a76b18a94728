"""The false-negative rate and its interval."""

import numpy as np
import pytest

from hn_assets.mining.holdout.rate import estimate_rate


def test_a_rate_has_an_interval_over_queries() -> None:
    rate = estimate_rate(np.array([1.0, 0, 0, 1]), np.full(4, 10.0))
    assert rate.rate == 0.05
    assert rate.low == pytest.approx(0.05 - 1.96 * 0.025)
    assert rate.high == pytest.approx(0.05 + 1.96 * np.sqrt(4 * 0.5**2) / 40)
    none = estimate_rate(np.zeros(4), np.full(4, 10.0))
    assert (none.rate, none.high) == (0.0, 3 / 40)  # the rule of three
    twice = rate.times(2)
    assert (twice.rate, twice.negatives) == (0.1, 40)
