"""Documents are drawn evenly from the corpus, whatever its order, and a new one changes little."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hn_assets.mining.rules import random_draws
from hn_assets.mining.rules.random_draws import RandomDraws
from hn_assets.mining.rules.sampling import hash_ids


def draw(documents: list[str], queries: int, count: int, seed: int = 42) -> NDArray[np.object_]:
    """The ids that queries q0, q1, ... draw."""
    draws = RandomDraws(hash_ids(documents, seed))
    rows = draws.draw(hash_ids((f"q{i}" for i in range(queries)), seed), count)
    return np.array(documents, object)[rows]


def names(count: int) -> list[str]:
    return [f"d{i}" for i in range(count)]


@settings(max_examples=50, deadline=None)
@given(order=st.permutations(range(60)), seed=st.integers(0, 2**70))
def test_the_order_of_the_corpus_does_not_matter(order: list[int], seed: int) -> None:
    shuffled = [f"d{i}" for i in order]
    assert np.array_equal(draw(shuffled, 8, 5, seed), draw(names(60), 8, 5, seed))


@settings(max_examples=50, deadline=None)
@given(documents=st.integers(1, 100), count=st.integers(1, 9), seed=st.integers(0, 2**64))
def test_a_draw_depends_on_its_query_and_its_number_alone(
    documents: int, count: int, seed: int
) -> None:
    every = draw(names(documents), 5, count + 3, seed)
    assert every.shape == (5, count + 3)
    assert np.array_equal(draw(names(documents), 3, count, seed), every[:3, :count])


def test_a_new_document_changes_hardly_any_draw() -> None:
    documents = 200
    changed = drawn = draws = 0
    for seed in range(20):
        before = draw(names(documents), 500, 4, seed)
        after = draw(names(documents + 1), 500, 4, seed)
        changed += int((before != after).sum())
        drawn += int((after[before != after] == f"d{documents}").sum())
        draws += after.size
    # it is drawn as often as any other, and now and then it keeps one from being within reach
    assert changed / draws < 4 / documents
    assert drawn / changed > 0.3
    assert drawn / draws > 0.5 / documents


def test_every_document_has_about_the_same_chance() -> None:
    drawn = draw(names(100), 10_000, 2).ravel()
    times = np.unique(drawn, return_counts=True)[1]
    assert len(times) == 100
    # 200 draws each; the distances on the ring alone give a standard deviation of a quarter
    assert times.min() > 60 and times.max() < 400


def test_queries_and_draws_are_independent() -> None:
    drawn = draw(names(1000), 200, 10)
    assert len({tuple(row) for row in drawn.tolist()}) == 200
    assert np.mean([len(set(row)) for row in drawn.tolist()]) > 9.8
    assert (draw(names(1000), 200, 10, seed=1) != drawn).mean() > 0.98


def test_the_queries_are_drawn_for_block_by_block(monkeypatch) -> None:
    every = draw(names(50), 40, 3)
    monkeypatch.setattr(random_draws, "KEYS_AT_ONCE", 100)
    assert np.array_equal(draw(names(50), 40, 3), every)
    assert draw(names(50), 0, 3).shape == (0, 3)
