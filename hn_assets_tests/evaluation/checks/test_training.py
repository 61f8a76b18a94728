"""Checks of a fine-tuned model warn, and never stop a refresh."""

import pytest

from hn_assets.evaluation.checks.kinds.training import (
    false_negative_rate_has_not_risen,
    model_is_better,
)
from hn_assets.evaluation.paired_comparison import PairedComparison
from hn_assets.evaluation.training_rounds import RATE, RATE_HIGH, RATE_LOW


@pytest.mark.parametrize(
    ("low", "high", "passes", "said"),
    [
        (0.01, 0.05, True, "nDCG@10 is 0.5000 before and 0.5300 after"),
        (-0.01, 0.05, False, "no difference was found"),
        (-0.05, -0.01, False, "worse"),
    ],
)
def test_only_a_rise_beyond_doubt_passes(low: float, high: float, passes: bool, said: str) -> None:
    found = model_is_better(PairedComparison(100, 0.5, 0.53, low, high, 0.95, 0.01), 0.0)
    assert found.passed == passes
    assert said in found.message
    assert passes or not found.blocks


def test_without_an_evaluation_split_it_says_that_nothing_is_promoted() -> None:
    found = model_is_better(PairedComparison(0, 0, 0, 0, 0, 0.95, 1.0), 0.0)
    assert not found.passed
    assert "mining.evaluation_split" in found.message


def a_round(rate: float, low: float, high: float) -> dict[str, float]:
    return {RATE: rate, RATE_LOW: low, RATE_HIGH: high}


def test_a_rate_that_rises_beyond_doubt_is_told() -> None:
    assert false_negative_rate_has_not_risen([]).passed
    low, unsure, high = a_round(0.5, 0.3, 0.7), a_round(0.9, 0.6, 1.2), a_round(1.5, 1.0, 2.0)
    assert false_negative_rate_has_not_risen([high, low, {}, unsure]).passed
    found = false_negative_rate_has_not_risen([low, {}, high])
    assert not found.passed
    assert not found.blocks
    assert "0.50 % of the negatives were false in the round before, and 1.50 % are" in found.message
