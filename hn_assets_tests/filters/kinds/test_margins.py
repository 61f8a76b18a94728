"""The margins to the positives; documents score 1.00, 0.99 and so on, and d2 is the positive."""

import pytest

from hn_assets.settings.filters import FiltersSettings
from hn_assets_tests.filters.rejected import rejected_by
from hn_assets_tests.mining.ranked_dataset import RankedDataset


def test_what_scores_within_the_absolute_margin_is_rejected() -> None:
    rejected = rejected_by("within the absolute margin", absolute_margin=0.025)
    assert rejected.documents == ["d0", "d1", "d3", "d4"]
    assert rejected.value == pytest.approx(1.0)
    assert rejected.limit == pytest.approx(0.98 - 0.025)


def test_what_scores_within_the_relative_margin_is_rejected() -> None:
    rejected = rejected_by("within the relative margin", relative_margin=0.05)
    assert rejected.documents == ["d0", "d1", "d3", "d4", "d5", "d6"]
    assert rejected.limit == pytest.approx(0.98 * 0.95)


def test_a_relative_margin_lowers_a_negative_score_too() -> None:
    dataset = RankedDataset()
    dataset.document_vectors.vectors[:] = -dataset.document_vectors.vectors[
        ::-1
    ]  # scores -0.91 to -1.0
    chosen, _ = dataset.mine(
        FiltersSettings(relative_margin=0.05), range_min=0, range_max=10, num_negatives=10
    )
    # the positive d2 scores -0.93: at most -0.9765 may stay
    assert chosen == {"q0": ["d7", "d8", "d9"]}


@pytest.mark.parametrize(("against", "first"), [("min", "d7"), ("mean", "d5"), ("max", "d3")])
def test_margins_are_measured_from_the_positive_that_is_named(against: str, first: str) -> None:
    dataset = RankedDataset()
    dataset.judge("q0", "d6", 1)
    filters = FiltersSettings.model_validate({"absolute_margin": 0.0051, "margin_against": against})
    chosen, _ = dataset.mine(filters, range_min=0, range_max=10, num_negatives=10)
    assert chosen["q0"][0] == first
