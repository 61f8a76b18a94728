"""Rankings that must not be mined from are recognized."""

from hn_assets.evaluation.checks.kinds.rankings import (
    index_finds_enough,
    positives_are_found,
    quality_is_not_worse,
)


def test_an_approximate_index_that_finds_too_little() -> None:
    assert index_finds_enough(None, 1.0).passed
    assert index_finds_enough(0.95, 0.9).passed
    found = index_finds_enough(0.85, 0.9)
    assert not found.passed
    assert "85.0% of what exact search finds, less than 90%" in found.message


def test_positives_that_no_ranking_holds() -> None:
    assert positives_are_found(None, 100, 1.0).passed
    assert positives_are_found(0.3, 100, 0.3).passed
    found = positives_are_found(0.02, 225, 0.3)
    assert not found.passed
    assert "2.0% of the mined queries' positives are among the best 225" in found.message


def test_a_drop_of_quality() -> None:
    now = {"queries": 5, "ndcg_at_10": 0.60}
    assert quality_is_not_worse(now, None, 0.0).passed
    assert quality_is_not_worse({"queries": 0}, 0.9, 0.0).passed
    assert quality_is_not_worse(now, 0.64, 0.05).passed
    assert quality_is_not_worse(now, 0.5, 0.0).passed
    found = quality_is_not_worse(now, 0.66, 0.05)
    assert not found.passed
    assert "nDCG@10 was 0.6600 at the last training set, and is 0.6000" in found.message
