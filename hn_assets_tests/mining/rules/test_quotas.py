"""Quotas, beside the rule written down for one query in plain Python."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hn_assets.mining.rules.sampling import (
    Sampling,
    SamplingMethod,
    choose,
    hash_ids,
    random_keys,
    scaled_quotas,
    uniform_keys,
)

NAMES = ("dense", "bm25", "run")
METHODS: tuple[SamplingMethod, ...] = get_args(SamplingMethod)


class Ranks:
    """The ranks of candidates for three retrievers; int32, (queries, depth, 3), -1: not found."""

    retrievers = NAMES

    def __init__(self, ranks: NDArray[np.int32]) -> None:
        self._ranks = ranks

    def found_by(self, retriever: str) -> NDArray[np.bool_]:
        return self._ranks[:, :, NAMES.index(retriever)] >= 0

    def order_of(self, retriever: str) -> NDArray[np.int64]:
        own = self._ranks[:, :, NAMES.index(retriever)]
        return np.argsort(np.where(own >= 0, own, 10_000), axis=1, kind="stable")


def draw(seed: int, queries: int, depth: int) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Which candidates may be taken, and their ranks."""
    rng = np.random.default_rng(seed)
    ranks = np.full((queries, depth, 3), -1, np.int32)
    for query in range(queries):
        for number in range(3):
            found = rng.permutation(depth)[: rng.integers(0, depth + 1)]
            ranks[query, found, number] = np.arange(len(found))
    return rng.random((queries, depth)) < 0.7, ranks


def uniform(queries: int, depth: int) -> NDArray[np.float64]:
    asked, documents = (hash_ids(map(str, range(n)), 1) for n in (queries, depth))
    return uniform_keys(random_keys(asked[:, None], documents))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    quotas=st.dictionaries(st.sampled_from(NAMES), st.integers(1, 4), max_size=3),
    spare=st.integers(0, 4),
    method=st.sampled_from(METHODS),
)
def test_each_retriever_takes_its_quota_and_what_the_ones_before_it_lacked(
    seed: int, quotas: dict[str, int], spare: int, method: SamplingMethod
) -> None:
    queries, depth = 3, 12
    eligible, ranks = draw(seed, queries, depth)
    keys = uniform(queries, depth)
    scores = np.random.default_rng(seed).normal(size=(queries, depth)).astype(np.float32)
    count = max(sum(quotas.values()) + spare, 1)
    plain = Sampling(method, count, a=5.0, hardness=0.5)
    sampling = Sampling(method, count, a=5.0, hardness=0.5, quotas=tuple(quotas.items()))
    chosen = choose(eligible, sampling, keys, scores, scores, Ranks(ranks))

    for query in range(queries):
        taken: list[int] = []
        allowed = 0

        def take(places: list[int], wanted: int, taken: list[int] = taken, q: int = query) -> None:
            """Choose among places of one query, by the method without quotas."""
            able = [place for place in places if eligible[q, place] and place not in taken]
            if not able or not wanted:
                return
            one = np.array([able])
            found = choose(
                np.ones(one.shape, bool),
                Sampling(method, wanted, a=5.0, hardness=0.5),
                keys[q][one],
                scores[q][one],
                scores[q][one],
            )
            taken += [place for place, is_in in zip(able, found[0], strict=True) if is_in]

        for name in (name for name in NAMES if name in quotas):
            allowed += quotas[name]
            own = ranks[query, :, NAMES.index(name)]
            in_order = sorted((p for p in range(depth) if own[p] >= 0), key=lambda p: own[p])
            take(in_order, allowed - len(taken))
        take(list(range(depth)), count - len(taken))
        assert sorted(np.flatnonzero(chosen[query])) == sorted(taken)
        assert len(taken) == min(count, eligible[query].sum())
    if not quotas:
        assert np.array_equal(chosen, choose(eligible, plain, keys, scores, scores))


def test_a_document_that_several_found_counts_for_the_quota_that_takes_it_first() -> None:
    # both find the first two, and bm25 the third as well
    ranks = np.array([[[0, 0, -1], [1, 1, -1], [-1, 2, -1], [2, -1, -1]]], np.int32)
    sampling = Sampling("top", 3, quotas=(("dense", 2), ("bm25", 1)))
    chosen = choose(np.ones((1, 4), bool), sampling, uniform(1, 4), retrievers=Ranks(ranks))
    assert chosen[0].tolist() == [True, True, True, False]
    # a form may give the keys in another order
    turned = replace(sampling, quotas=sampling.quotas[::-1])
    again = choose(np.ones((1, 4), bool), turned, uniform(1, 4), retrievers=Ranks(ranks))
    assert np.array_equal(again, chosen)


def test_quotas_without_retrievers_are_refused() -> None:
    with pytest.raises(ValueError, match="what each retriever found"):
        choose(np.ones((1, 2), bool), Sampling("top", 1, quotas=(("a", 1),)), uniform(1, 2))


def test_a_shortlist_has_quotas_in_proportion() -> None:
    sampling = Sampling("top", 15, quotas=(("dense", 10), ("bm25", 1)))
    assert sampling.with_count(45).quotas == (("dense", 30), ("bm25", 3))
    assert scaled_quotas({"bm25": 1}, 15, 5) == {"bm25": 1}
    assert sampling.describe() == "the best ranked, first 10 of dense, 1 of bm25"
