"""Which candidates are taken: never one that may not be, never more than wanted, always alike."""

import os
import subprocess
import sys
from itertools import permutations
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from hn_assets.mining.rules.sampling import (
    Sampling,
    SamplingMethod,
    choose,
    hash_ids,
    random_keys,
    uniform_keys,
)

METHODS: tuple[SamplingMethod, ...] = get_args(SamplingMethod)


def uniform(queries: int, depth: int, seed: int = 42) -> NDArray[np.float64]:
    """Of queries q0, q1, ... and documents d0, d1, ..."""
    asked = hash_ids((f"q{i}" for i in range(queries)), seed)
    documents = hash_ids((f"d{i}" for i in range(depth)), seed)
    return uniform_keys(random_keys(asked[:, None], documents))


def uniform_like(eligible: NDArray[np.bool_], seed: int) -> NDArray[np.float64]:
    queries, depth = eligible.shape
    return uniform(queries, depth, seed)


def score_differences(shape: tuple[int, int], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1, 0.5, shape).astype(np.float32)


ELIGIBLE = hnp.arrays(
    np.bool_, st.tuples(st.integers(1, 4), st.integers(1, 30)), elements=st.booleans()
)


@settings(max_examples=200, deadline=None)
@given(eligible=ELIGIBLE, count=st.integers(1, 12), seed=st.integers(0, 2**70))
@pytest.mark.parametrize("method", METHODS)
def test_as_many_as_wanted_are_taken_and_only_those_that_may_be(
    method: SamplingMethod, eligible: NDArray[np.bool_], count: int, seed: int
) -> None:
    score_minus_mean_positive = score_differences((len(eligible), eligible.shape[1]))
    score_minus_mean_positive[~eligible] = -np.inf  # as it is beyond the end of a ranking
    keys = uniform_like(eligible, seed)
    sampling = Sampling(method, count, a=20.0)
    teacher = score_differences((len(eligible), eligible.shape[1]), seed=1)
    chosen = choose(eligible, sampling, keys, score_minus_mean_positive, teacher)
    assert not (chosen & ~eligible).any()
    assert chosen.sum(axis=1).tolist() == np.minimum(eligible.sum(axis=1), count).tolist()


def test_top_takes_the_best_ranked_that_may_be() -> None:
    eligible = np.array([[False, True, True, False, True], [True, False, False, False, True]])
    chosen = choose(eligible, Sampling("top", 2), uniform(2, 5), score_differences((2, 5)))
    assert chosen.tolist() == [[False, True, True, False, False], [True, False, False, False, True]]


def window(
    eligible: NDArray[np.bool_], count: int, hardness: float, method: SamplingMethod = "window"
) -> NDArray[np.bool_]:
    sampling = Sampling(method, count, hardness=hardness)
    return choose(eligible, sampling, uniform_like(eligible, 1), score_differences((1, 1)))


@settings(max_examples=200, deadline=None)
@given(eligible=ELIGIBLE, count=st.integers(1, 12), hardness=st.floats(0, 1))
def test_a_window_is_of_consecutive_candidates_that_may_be_taken(
    eligible: NDArray[np.bool_], count: int, hardness: float
) -> None:
    assert np.array_equal(window(eligible, count, 1), window(eligible, count, 1, "top"))
    lowest = window(eligible[:, ::-1], count, 1, "top")[:, ::-1]
    assert np.array_equal(window(eligible, count, 0), lowest)
    for row, may in zip(window(eligible, count, hardness), eligible, strict=True):
        places = np.flatnonzero(row[may])
        assert len(places) == min(count, may.sum())
        assert (np.diff(places) == 1).all()


@settings(max_examples=200, deadline=None)
@given(
    eligible=ELIGIBLE,
    count=st.integers(1, 12),
    hardnesses=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
)
def test_less_hardness_never_takes_better_ranked_candidates(
    eligible: NDArray[np.bool_], count: int, hardnesses: list[float]
) -> None:
    soft, hard = (window(eligible, count, hardness) for hardness in hardnesses)
    ranks = np.arange(eligible.shape[1])
    for one, other in zip(soft, hard, strict=True):
        assert (ranks[one] >= ranks[other]).all()


@settings(max_examples=200, deadline=None)
@given(eligible=ELIGIBLE, count=st.integers(1, 6), hardness=st.floats(0, 1))
def test_the_window_of_a_shortlist_holds_that_of_fewer(
    eligible: NDArray[np.bool_], count: int, hardness: float
) -> None:
    """What a teacher scores is what would be taken if more were wanted."""
    shortlist = window(eligible, 2 * count, hardness)
    assert not (window(eligible, count, hardness) & ~shortlist).any()


def test_the_window_moves_in_steps_of_the_candidates_that_are_left_out() -> None:
    eligible = np.ones((1, 14), bool)
    firsts = [window(eligible, 4, h)[0].argmax() for h in (1, 0.9, 0.75, 0.5, 0.25, 0)]
    assert firsts == [0, 1, 3, 5, 8, 10]


@settings(max_examples=100, deadline=None)
@given(eligible=ELIGIBLE, count=st.integers(1, 12), seed=st.integers(0, 2**64))
@pytest.mark.parametrize("method", ["random", "simans"])
def test_what_is_not_taken_does_not_matter_to_the_choice(
    method: SamplingMethod, eligible: NDArray[np.bool_], count: int, seed: int
) -> None:
    sampling = Sampling(method, count, a=20.0)
    keys, score_minus_mean_positive = (
        uniform_like(eligible, seed),
        score_differences((len(eligible), eligible.shape[1])),
    )
    chosen = choose(eligible, sampling, keys, score_minus_mean_positive)
    fewer = chosen | (eligible & (uniform_like(eligible, seed + 1) < 0.5))
    assert np.array_equal(choose(fewer, sampling, keys, score_minus_mean_positive), chosen)


@settings(max_examples=50, deadline=None)
@given(order=st.permutations(range(20)), seed=st.integers(0, 2**64))
@pytest.mark.parametrize("method", ["random", "simans"])
def test_the_order_of_candidates_does_not_matter_to_chance(
    method: SamplingMethod, order: list[int], seed: int
) -> None:
    eligible = np.arange(60).reshape(3, 20) % 7 > 0
    sampling, keys, score_minus_mean_positive = (
        Sampling(method, 5, a=20.0),
        uniform(3, 20, seed),
        score_differences((3, 20)),
    )
    chosen = choose(eligible, sampling, keys, score_minus_mean_positive)
    again = choose(
        eligible[:, order], sampling, keys[:, order], score_minus_mean_positive[:, order]
    )
    assert np.array_equal(again, chosen[:, order])


@settings(max_examples=200, deadline=None)
@given(eligible=ELIGIBLE, count=st.integers(1, 12), seed=st.integers(0, 2**64))
def test_stratified_takes_one_of_each_part_or_everything(
    eligible: NDArray[np.bool_], count: int, seed: int
) -> None:
    keys = uniform_like(eligible, seed)
    chosen = choose(eligible, Sampling("stratified", count), keys, score_differences((1, 1)))
    for row, may in zip(chosen, eligible, strict=True):
        total = int(may.sum())
        places = np.flatnonzero(row[may])
        if total <= count:
            assert len(places) == total
            continue
        for part, place in enumerate(places):
            # parts of equal size, give or take the candidate that a cut goes through
            assert part * total // count <= place < -(-(part + 1) * total // count)


BY_TEACHER = "stratified_by_teacher_score"


def taken_by_teacher_score(
    eligible: NDArray[np.bool_], scores: list[float] | NDArray[np.float32], count: int
) -> NDArray[np.bool_]:
    teacher = np.broadcast_to(np.asarray(scores, np.float32), eligible.shape)
    keys = uniform_like(eligible, 5)
    return choose(eligible, Sampling(BY_TEACHER, count), keys, teacher_scores=teacher)


@settings(max_examples=200, deadline=None)
@given(eligible=ELIGIBLE, count=st.integers(1, 12), seed=st.integers(0, 2**30))
def test_the_whole_range_of_teacher_scores_is_covered(
    eligible: NDArray[np.bool_], count: int, seed: int
) -> None:
    scores = score_differences((len(eligible), eligible.shape[1]), seed) ** 3
    chosen = taken_by_teacher_score(eligible, scores, count)
    for may, taken, values in zip(eligible, chosen, scores, strict=True):
        if not may.any():
            continue
        low, high = values[may].min(), values[may].max()
        edges = np.linspace(low, high, count + 1)[1:-1]
        there = np.bincount(np.searchsorted(edges, values[may], "right"), minlength=count)
        got = np.bincount(np.searchsorted(edges, values[taken], "right"), minlength=count)
        # parts give as much as they have, and no part two more than another that has more to give
        assert ((got > 0) == (there > 0)).all() or got.sum() < (there > 0).sum()
        left = got < there
        assert not left.any() or got.max() <= got[left].min() + 1


def test_few_candidates_that_the_teacher_finds_hard_are_not_missed() -> None:
    scores = [0.9, 0.8, *np.linspace(0, 0.2, 98)]
    chosen = taken_by_teacher_score(np.ones((200, 100), bool), scores, 5)
    # the parts from 0.72 on and from 0.54 on hold two candidates and none
    assert chosen[:, :2].any(axis=1).all() and chosen.sum() == 1000
    spread = choose(np.ones((200, 100), bool), Sampling("random", 5), uniform(200, 100))
    assert spread[:, :2].any(axis=1).mean() < 0.3


def test_equal_teacher_scores_leave_it_to_chance_and_none_are_an_error() -> None:
    found = taken_by_teacher_score(np.ones((4000, 6), bool), [0.5] * 6, 2).mean(axis=0)
    assert found == pytest.approx(np.full(6, 1 / 3), abs=0.03)
    with pytest.raises(ValueError, match="needs the scores of a teacher"):
        choose(np.ones((1, 3), bool), Sampling(BY_TEACHER, 1), uniform(1, 3))


@pytest.mark.parametrize("method", ["random", "stratified", "simans"])
def test_another_seed_makes_another_choice(method: SamplingMethod) -> None:
    eligible, sampling = np.ones((20, 50), bool), Sampling(method, 5)
    first, second = (
        choose(eligible, sampling, uniform(20, 50, s), score_differences((20, 50))) for s in (1, 2)
    )
    assert not np.array_equal(first, second)


def test_each_query_draws_for_itself() -> None:
    chosen = choose(
        np.ones((50, 40), bool), Sampling("random", 5), uniform(50, 40), score_differences((50, 40))
    )
    assert len({tuple(row) for row in chosen.tolist()}) == 50


def frequencies(
    sampling: Sampling, score_minus_mean_positive: list[float], queries: int = 20_000
) -> NDArray[np.float64]:
    """How often each of a query's candidates is taken."""
    shape = (queries, len(score_minus_mean_positive))
    same = np.broadcast_to(np.array(score_minus_mean_positive, np.float32), shape)
    return choose(
        np.ones(shape, bool), sampling, uniform(queries, len(score_minus_mean_positive)), same
    ).mean(axis=0)


def drawn(weights: list[float], count: int) -> NDArray[np.float64]:
    """The chance of each to be among `count` that are drawn without putting back."""
    out = np.zeros(len(weights))
    for order in permutations(range(len(weights)), count):
        chance, left = 1.0, sum(weights)
        for i in order:
            chance *= weights[i] / left
            left -= weights[i]
        out[list(order)] += chance
    return out


DIFFERENCES = [-0.6, -0.3, -0.1, 0.0, 0.25]
# 20,000 queries: the standard deviation of a frequency is 0.0035 or less
CLOSE = 0.015


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("a", "b"), [(0.5, 0.0), (10.0, 0.0), (20.0, -0.3)])
def test_simans_draws_by_its_weights(a: float, b: float, count: int) -> None:
    weights = [
        float(np.exp(-a * (score_minus_mean_positive - b) ** 2))
        for score_minus_mean_positive in DIFFERENCES
    ]
    found = frequencies(Sampling("simans", count, a, b), DIFFERENCES)
    assert found == pytest.approx(drawn(weights, count), abs=CLOSE)


def test_simans_prefers_scores_near_the_positives() -> None:
    assert int(
        frequencies(Sampling("simans", 1, a=10.0), DIFFERENCES).argmax()
    ) == DIFFERENCES.index(0.0)
    assert int(
        frequencies(Sampling("simans", 1, a=10.0, b=-0.3), DIFFERENCES).argmax()
    ) == DIFFERENCES.index(-0.3)


def test_simans_ranks_weights_too_small_for_a_float() -> None:
    score_minus_mean_positive = np.array([[-3.0, -1.0, -2.0]], np.float32)
    sampling = Sampling("simans", 1, a=1e6)
    chosen = choose(np.ones((1, 3), bool), sampling, uniform(1, 3), score_minus_mean_positive)
    assert chosen.tolist() == [[False, True, False]]


@pytest.mark.parametrize("method", ["random", "stratified"])
def test_random_and_stratified_are_uniform(method: SamplingMethod) -> None:
    found = frequencies(Sampling(method, 2), [0.0, -0.1, -0.5, -0.6, -0.7, -1.0])
    assert found == pytest.approx(np.full(6, 1 / 3), abs=CLOSE)


def test_a_key_belongs_to_a_pair_whatever_else_there_is() -> None:
    asked, documents = hash_ids(["p", "q"], 3), hash_ids(["a", "b", "c"], 3)
    every = random_keys(asked[:, None], documents)
    alone = random_keys(hash_ids(["q"], 3), hash_ids(["b"], 3))
    assert every[1, 1] == alone[0]
    swapped = random_keys(hash_ids(["q", "p"], 3)[:, None], hash_ids(["c", "a", "b"], 3))
    assert np.array_equal(swapped, every[::-1][:, [2, 0, 1]])
    assert len(np.unique(every)) == 6


def test_a_query_and_a_document_are_not_interchangeable() -> None:
    one, other = hash_ids(["one"], 3), hash_ids(["other"], 3)
    assert random_keys(one, other) != random_keys(other, one)


def test_uniform_keys_are_within_0_and_1_and_keep_the_order() -> None:
    keys = np.array([0, 1, 1 << 13, 1 << 63, (1 << 64) - (1 << 13), (1 << 64) - 1], np.uint64)
    found = uniform_keys(keys)
    assert (found > 0).all() and (found < 1).all()
    assert (np.diff(found) >= 0).all() and len(np.unique(found)) == 5
    assert found[3] == pytest.approx(0.5)


def test_a_hash_is_of_the_id_and_the_seed() -> None:
    ids = ["1", "01", "é", ""]
    hashes = [hash_ids(ids, seed) for seed in (0, 1, 2**64 - 1, 2**64, 2**64 + 1)]
    assert len(np.unique(hashes)) == len(ids) * len(hashes)
    assert np.array_equal(hash_ids(reversed(ids), 1), hashes[1][::-1])
    assert hash_ids([], 1).shape == (0,)


# by the definitions of BLAKE2b and splitmix64, in Python integers
KEYS = [[1110821050798622200, 16566528579044149780], [7117884600284443321, 3915728901001219693]]
CODE = """
from hn_assets.mining.rules.sampling import hash_ids, random_keys
print(random_keys(hash_ids(["q1", "q2"], 42)[:, None], hash_ids(["7", "007"], 42)).tolist())
"""


def test_the_keys_are_the_same_in_every_process_and_version() -> None:
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", CODE],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == str(KEYS)
