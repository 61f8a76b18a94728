"""Batches hold every text once, within the budget, padded by its own length alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.encoding.batching import LENGTH_STEP, cut_batches

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
