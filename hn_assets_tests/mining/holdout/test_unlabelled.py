"""How many relevant passages nobody labelled."""

import numpy as np
import pytest

from hn_assets.mining.holdout.unlabelled import (
    BEST,
    LEAST,
    MOST,
    compare_with_known,
    estimate_unlabelled,
)
from hn_assets.mining.relevance.compute_features import model_inputs
from hn_assets.mining.relevance.prior import shipped_prior
from hn_assets_tests.mining.holdout.topics_dataset import TopicsDataset


def _known(queries: int, per_query: int) -> np.ndarray:
    """So many known positives among the best of each query."""
    known = np.zeros((queries, BEST), bool)
    known[:, :per_query] = True
    return known


def test_the_fewer_of_the_best_are_known_the_more_are_not() -> None:
    few, more = (
        compare_with_known(_known(1000, known), np.full(1000, 5), np.ones(1000), relevant=4)
        for known in (1, 2)
    )
    # 4 of 10 are relevant, and one or two of them are known
    assert few.per_positive == pytest.approx(3, abs=0.01)
    assert more.per_positive == pytest.approx(1, abs=0.01)
    assert few.kind == more.kind == "estimated"
    # of five known ones, one or two rank among the best: the model finds fewer of the others
    assert few.among_candidates == pytest.approx(0.3 / 0.2, rel=0.01)
    assert more.among_candidates == pytest.approx(0.3 / 0.4, rel=0.01)


def test_a_query_that_stands_for_others_counts_as_these_do() -> None:
    known = np.concatenate([_known(100, 1), _known(100, 3)])
    weights = np.repeat([9.0, 1.0], 100)
    found = compare_with_known(known, np.full(200, 5), weights, relevant=4)
    assert found.per_positive == pytest.approx(4 / 1.2 - 1, abs=0.05)


def test_the_estimate_stays_within_bounds() -> None:
    none = compare_with_known(_known(50, 0), np.full(50, 10), np.ones(50), 4)
    every = compare_with_known(_known(50, 10), np.full(50, 10), np.ones(50), 4)
    assert (none.per_positive, every.per_positive) == (MOST, LEAST)
    assert compare_with_known(_known(0, 0), np.zeros(0, int), np.ones(0), 4).per_positive == LEAST


def test_the_more_positives_of_topics_are_labelled_the_fewer_are_not() -> None:
    """Of twelve relevant passages, one, three or six are labelled."""
    found = []
    for labelled in (1, 3, 6):
        holdout = TopicsDataset(labelled=labelled).holdout_of(1)
        everything = holdout.all_visible()
        rankings = holdout.hide(everything, everything)
        inputs = model_inputs(rankings.features)
        weights = np.ones(len(rankings))
        found.append(estimate_unlabelled(rankings, inputs, weights, shipped_prior()).per_positive)
    assert found == sorted(found, reverse=True)
    # within a factor of two of 11, 3 and 1, for data unlike any collection of the prior
    assert all(0.5 <= one / truly <= 2 for one, truly in zip(found, (11, 3, 1), strict=True))
