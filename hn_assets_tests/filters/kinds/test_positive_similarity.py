"""What lies close to a positive, which is d2, is rejected."""

import pytest

from hn_assets_tests.filters.rejected import rejected_by


def test_what_is_closer_to_a_positive_than_allowed_is_rejected() -> None:
    rejected = rejected_by("close to a positive", max_positive_similarity=0.998)
    assert rejected.documents == ["d1", "d3"]
    assert 0.998 < rejected.value < 1
    assert rejected.limit == pytest.approx(0.998)
