"""Batches hold every text once, within the budget, padded by its own length alone."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.encoding.batches.batching import LENGTH_STEP, Layout, cut_batches

MAX_LENGTH = 61


@given(st.lists(st.integers(0, MAX_LENGTH), max_size=80), st.integers(1, 400))
def test_every_text_is_in_one_batch_padded_by_its_own_length(lengths: list, budget: int) -> None:
    texts = [np.arange(1, length + 1, dtype=np.int32) for length in lengths]
    batches = cut_batches(texts, max_length=MAX_LENGTH, max_tokens_per_batch=budget, pad=0)
    assert sorted(row for batch in batches for row in batch.rows) == list(range(len(texts)))
    for batch in batches:
        count, width = batch.tokens.shape
        assert count == 1 or count * width <= budget
        for place, row in enumerate(batch.rows):
            own = min(-(-lengths[row] // LENGTH_STEP) * LENGTH_STEP, MAX_LENGTH)
            assert width == own
            assert batch.is_padded == (lengths[row] < own)
            assert batch.tokens[place].tolist() == [*texts[row], *[0] * (width - lengths[row])]


def test_the_longest_batch_is_first() -> None:
    texts = [np.ones(length, np.int32) for length in range(1, 61)]
    batches = cut_batches(texts, max_length=256, max_tokens_per_batch=128, pad=0)
    widths = [batch.tokens.shape[1] for batch in batches]
    assert widths[0] == 64
    half = len(widths) // 2
    # so that the speed of the first half predicts that of the second
    assert abs(np.mean(widths[:half]) - np.mean(widths[half:])) < 8


@given(st.lists(st.integers(1, MAX_LENGTH), max_size=80), st.integers(1, 400))
def test_texts_laid_end_to_end_fill_every_batch(lengths: list, budget: int) -> None:
    texts = [np.full(length, row, np.int32) for row, length in enumerate(lengths)]
    batches = cut_batches(
        texts, max_length=MAX_LENGTH, max_tokens_per_batch=budget, pad=0, layout="end_to_end"
    )
    assert [row for batch in batches for row in batch.rows] == list(range(len(texts)))
    for batch, following in pairwise([*batches, None]):
        assert batch is not None
        assert batch.tokens.tolist() == [row for row in batch.rows for _ in range(lengths[row])]
        assert len(batch.tokens) <= budget or len(batch.rows) == 1
        if following is not None:
            assert len(batch.tokens) + lengths[following.rows[0]] > budget


@given(st.lists(st.integers(1, MAX_LENGTH), max_size=80), st.integers(1, 400))
def test_texts_of_one_length_lie_side_by_side_in_full_batches(lengths: list, budget: int) -> None:
    texts = [np.full(length, row, np.int32) for row, length in enumerate(lengths)]
    batches = cut_batches(
        texts, max_length=MAX_LENGTH, max_tokens_per_batch=budget, pad=0, layout="runs_of_length"
    )
    assert sorted(row for batch in batches for row in batch.rows) == list(range(len(texts)))
    for batch in batches:
        assert batch.tokens.tolist() == [row for row in batch.rows for _ in range(lengths[row])]
        assert batch.lengths.tolist() == sorted(batch.lengths.tolist(), reverse=True)
        assert len(batch.tokens) <= budget or len(batch.rows) == 1
    # the longest comes first, and no batch takes what the one before it had room for
    assert not batches or batches[0].lengths[0] == max(lengths)
    batches.sort(key=lambda batch: (-batch.lengths[0], batch.rows[0]))
    for batch, following in pairwise(batches):
        assert len(batch.tokens) + following.lengths[0] > budget


@given(st.lists(st.integers(0, MAX_LENGTH), max_size=80), st.integers(1, 400))
def test_sorted_texts_are_padded_to_the_longest_of_their_batch(lengths: list, budget: int) -> None:
    texts = [np.arange(1, length + 1, dtype=np.int32) for length in lengths]
    batches = cut_batches(
        texts, max_length=MAX_LENGTH, max_tokens_per_batch=budget, pad=0, layout="sorted"
    )
    assert sorted(row for batch in batches for row in batch.rows) == list(range(len(texts)))
    for batch in batches:
        longest = min(-(-int(batch.lengths.max()) // LENGTH_STEP) * LENGTH_STEP, MAX_LENGTH)
        assert batch.tokens.shape[1] == longest
        assert batch.tokens.size <= budget or len(batch.rows) == 1


@pytest.mark.parametrize("layout", ["same_length", "runs_of_length", "end_to_end", "sorted"])
def test_halves_hold_what_the_whole_holds(layout: Layout) -> None:
    texts = [np.arange(1, length + 1, dtype=np.int32) for length in (8, 8, 7, 7, 3)]
    for batch in cut_batches(texts, max_length=64, max_tokens_per_batch=100, pad=0, layout=layout):
        if len(batch.rows) > 1:
            halves = batch.halves()
            assert [row for half in halves for row in half.rows] == batch.rows
            assert np.array_equal(np.concatenate([half.tokens for half in halves]), batch.tokens)
            for half in halves:
                assert half.lengths.tolist() == [len(texts[row]) for row in half.rows]
