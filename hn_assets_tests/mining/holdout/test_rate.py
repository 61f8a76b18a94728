"""The false-negative rate and its interval."""

from typing import get_args

import numpy as np
import pytest

from hn_assets.mining.holdout.rate import RATE_KINDS, FalseNegativeRate, RateKind, measured_rate


def test_a_rate_has_an_interval_over_queries() -> None:
    rate = measured_rate(np.array([1.0, 0, 0, 1]), np.full(4, 10.0))
    assert rate.rate == 0.05
    assert rate.low == pytest.approx(0.05 - 1.96 * 0.025)
    assert rate.high == pytest.approx(0.05 + 1.96 * np.sqrt(4 * 0.5**2) / 40)
    none = measured_rate(np.zeros(4), np.full(4, 10.0))
    assert (none.rate, none.high) == (0.0, 3 / 40)  # the rule of three
    twice = rate.times(2)
    assert (twice.rate, twice.negatives) == (0.1, 40)


def test_a_rate_names_its_kind() -> None:
    measured = measured_rate(np.array([1.0, 0]), np.full(2, 10.0))
    assert measured.kind == "measured"
    assert measured.describe() == "5.00 % (0.00 to 11.93, measured on 20 negatives)"
    estimated = FalseNegativeRate(0.01, 0.005, 0.02, 0.0, 300, "estimated")
    assert estimated.describe() == "1.00 % (0.50 to 2.00, estimated on 300 negatives)"
    # what is multiplied stays what it was
    assert estimated.times(2).kind == "estimated"
    assert set(RATE_KINDS) == set(get_args(RateKind))
