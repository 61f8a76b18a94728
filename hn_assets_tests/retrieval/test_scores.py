"""Scores are float64 sums rounded once, whatever the block, and equal for a pair and a ranking."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.retrieval import scores
from hn_assets.retrieval.scores import inner_products


def drawn(queries: int, documents: int, dimension: int, seed: int = 0) -> tuple:
    random = np.random.default_rng(seed)
    left = random.normal(size=(queries, dimension))
    right = random.normal(size=(queries, documents, dimension))
    left /= np.linalg.norm(left, axis=-1, keepdims=True)
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    return left.astype(np.float32), right.astype(np.float32)


def exactly(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """With the extended precision of Python's own sums, which round once."""
    import math

    wide = left.astype(np.float64)[:, None, :] * right.astype(np.float64)
    return np.array([[math.fsum(row) for row in rows] for rows in wide]).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 30), st.sampled_from([1, 7, 64, 384]), st.integers(0, 99))
def test_a_score_is_the_exact_inner_product_rounded_once(
    queries: int, documents: int, dimension: int, seed: int
) -> None:
    left, right = drawn(queries, documents, dimension, seed)
    ours, exact = inner_products(left, right), exactly(left, right)
    assert ours.dtype == np.float32
    # A sum that is nearly halfway between two float32 numbers may be rounded to the other one.
    np.testing.assert_array_max_ulp(ours, exact, maxulp=1)
    assert (ours != exact).mean() <= 1 / ours.size


def test_the_order_of_the_dimensions_does_not_show() -> None:
    left, right = drawn(20, 300, 384)
    order = np.random.default_rng(1).permutation(384)
    assert np.array_equal(
        inner_products(left, right), inner_products(left[:, order], right[:, :, order])
    )
    single = np.einsum("qd,qkd->qk", left, right)
    shuffled = np.einsum("qd,qkd->qk", left[:, order], right[:, :, order])
    assert not np.array_equal(single, shuffled), "in float32 it does"


def test_the_block_a_score_is_computed_in_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = drawn(13, 57, 48)
    whole = inner_products(left, right)
    one_by_one = [
        inner_products(left[i : i + 1], right[i : i + 1, j : j + 1])
        for i in range(13)
        for j in range(57)
    ]
    assert np.array_equal(np.concatenate(one_by_one).reshape(13, 57), whole)
    monkeypatch.setattr(scores, "BLOCK_BYTES", 1)
    assert np.array_equal(inner_products(left, right), whole)


def test_nothing_has_no_scores() -> None:
    none = np.zeros((0, 5, 4), np.float32)
    assert inner_products(np.zeros((0, 4), np.float32), none).shape == (0, 5)
    assert inner_products(np.zeros((3, 4), np.float32), np.zeros((3, 0, 4), np.float32)).size == 0
