"""How many relevant passages nobody labelled."""

import numpy as np
import pytest

from hn_assets.mining.holdout.unlabelled import BEST, LEAST, MOST, estimate_unlabelled


def _known(queries: int, per_query: int) -> np.ndarray:
    """So many known positives among the best of each query."""
    known = np.zeros((queries, 40), bool)
    known[:, :per_query] = True
    return known


def test_the_fewer_of_the_best_are_known_the_more_are_not() -> None:
    few, more = (
        estimate_unlabelled(_known(1000, known), np.ones(1000), precision=0.4) for known in (1, 2)
    )
    # 4 of 10 are relevant, and one or two of them are known
    assert few.per_positive == pytest.approx(3, abs=0.01)
    assert more.per_positive == pytest.approx(1, abs=0.01)
    assert few.kind == more.kind == "estimated"


def test_a_query_that_stands_for_others_counts_as_these_do() -> None:
    known = np.concatenate([_known(100, 1), _known(100, 3)])
    weights = np.repeat([9.0, 1.0], 100)
    found = estimate_unlabelled(known, weights, precision=0.4)
    assert found.per_positive == pytest.approx(BEST * 0.4 / 1.2 - 1, abs=0.05)


def test_the_estimate_stays_within_bounds() -> None:
    none = estimate_unlabelled(_known(50, 0), np.ones(50), 0.4)
    every = estimate_unlabelled(_known(50, 10), np.ones(50), 0.4)
    assert (none.per_positive, every.per_positive) == (MOST, LEAST)
    assert estimate_unlabelled(_known(0, 0), np.ones(0), 0.4).per_positive == LEAST
