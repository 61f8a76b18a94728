"""Batches hold every text once, within the budget, padded by its own length alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.encoding.batching import LENGTH_STEP, cut_batches
from hn_assets.encoding.devices.torch_compile import REPAYS_FROM, CompileDecision

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
    # so that the speed of the first half foretells the second
    assert abs(np.mean(widths[:half]) - np.mean(widths[half:])) < 8


def test_a_long_job_on_a_gpu_is_compiled_and_given_up_if_it_is_no_faster() -> None:
    trial = CompileDecision("auto", "cuda:0")
    assert not trial.next_window(1e12), "nothing is known of the speed yet"
    trial.record(False, tokens=1000, seconds=1)
    assert not trial.next_window(1000 * REPAYS_FROM * 0.9)
    assert trial.next_window(1000 * REPAYS_FROM * 1.1)
    trial.record(True, tokens=1000, seconds=60)
    assert trial.next_window(10), "the first window holds the compiling: it tells nothing"
    trial.record(True, tokens=1000, seconds=2)
    assert not trial.next_window(1e12)
    assert "given up" in trial.outcome


def test_a_compiled_model_that_is_faster_is_kept() -> None:
    trial = CompileDecision("auto", "cuda:0")
    trial.record(False, tokens=1000, seconds=1)
    for seconds in (60, 0.5, 0.5):
        assert trial.next_window(1e9)
        trial.record(True, tokens=1000, seconds=seconds)
    assert trial.outcome.startswith("used")


def test_elsewhere_nothing_is_compiled_unless_asked_for() -> None:
    for wanted, device, expected in (
        ("auto", "cpu", False),
        ("never", "cuda:0", False),
        ("always", "cpu", True),
    ):
        trial = CompileDecision(wanted, device)
        trial.record(False, tokens=1, seconds=100)
        assert trial.next_window(1e12) is expected
