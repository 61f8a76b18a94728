"""The limits of the score; documents score 1.00, 0.99, 0.98 and so on."""

import pytest

from hn_assets_tests.filters.rejected import rejected_by


def test_scores_above_the_maximum_are_rejected() -> None:
    rejected = rejected_by("score above the maximum", max_score=0.965)
    assert rejected.documents == ["d0", "d1", "d3"]
    assert (rejected.value, rejected.limit) == (pytest.approx(1.0), pytest.approx(0.965))


def test_scores_below_the_minimum_are_rejected() -> None:
    rejected = rejected_by("score below the minimum", min_score=0.925)
    assert rejected.documents == ["d8", "d9"]
    assert (rejected.value, rejected.limit) == (pytest.approx(0.92), pytest.approx(0.925))
