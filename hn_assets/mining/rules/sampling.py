"""Which of the candidates that may be negatives are taken.

Nothing but the seed, the ids of query and document and the scores decides. So a choice is the same
on every machine and whatever the order of the texts, and a candidate more or less does not change
which of two others is preferred.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.rules.sampling_methods import (
    BY_RANK,
    Choices,
    choose_by_method,
    choose_by_rank,
)
from hn_assets.settings.mining import SamplingMethod

METHOD_DESCRIPTIONS: dict[SamplingMethod, str] = {
    "top": "the best ranked",
    "window": "consecutive ranks",
    "random": "at random",
    "stratified": "at random from equal parts of the range",
    "stratified_by_teacher_score": "at random from equal parts of the teacher's scores",
    "simans": "at random with the weights of SimANS",
}
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Sampling:
    """How negatives are taken.

    Attributes:
        method: `top` takes the best ranked; `window` takes consecutive ones, from where the
            hardness says; `random` is uniform; `stratified` cuts the ranks into as many equal
            parts as negatives are wanted and takes one from each;
            `stratified_by_teacher_score` cuts the range of the teacher's scores instead, and
            takes one more from parts that have more where others are empty (for distillation,
            the idea of Jang et al. 2026, https://arxiv.org/abs/2604.04734); `simans` draws
            without replacement, with weights exp(-a (score - mean positive score - b)^2): SimANS,
            Zhou et al. 2022, https://arxiv.org/abs/2210.11773.
        count: How many negatives are wanted per query.
        a: The parameter a of SimANS.
        b: The parameter b of SimANS.
        hardness: Where a window lies: 1 at the best ranked of what may be taken, 0 at the lowest.
        random_share: The share of `count` that is drawn at random from the whole corpus.
        quotas: The names of retrievers, each with how many are taken of what it found. They take in
            the order of the retrievers: keys of a mapping have none that every tool would keep.
    """

    method: SamplingMethod
    count: int
    a: float = 0.5
    b: float = 0.0
    hardness: float = 1.0
    random_share: float = 0.0
    quotas: tuple[tuple[str, int], ...] = ()

    @property
    def random_count(self) -> int:
        """How many of the negatives are drawn at random from the whole corpus."""
        return int(self.random_share * self.count + 0.5)

    @property
    def ranked_count(self) -> int:
        """How many of the negatives are taken from the ranking."""
        return self.count - self.random_count

    @property
    def beyond_range(self) -> Sampling:
        """How candidates are taken for a query that was searched beyond the range.

        The range held too few, so a window goes on below it, only as far as it must.
        """
        return replace(self, method="top") if self.method == "window" else self

    @property
    def without_teacher(self) -> Sampling:
        """How candidates are taken if the teacher has scored nothing: spread over the ranks."""
        by_teacher = self.method == "stratified_by_teacher_score"
        return replace(self, method="stratified") if by_teacher else self

    def with_count(self, count: int) -> Sampling:
        """How another number of candidates is taken, with quotas in proportion."""
        quotas = scaled_quotas(dict(self.quotas), self.count, count)
        return replace(self, count=count, quotas=tuple(quotas.items()))

    def describe(self) -> str:
        """How negatives are taken, in words."""
        words = METHOD_DESCRIPTIONS[self.method]
        if self.method == "window":
            words += f" at hardness {self.hardness:g}"
        if self.quotas:
            quotas = ", ".join(f"{quota} of {name}" for name, quota in self.quotas)
            words += f", first {quotas}"
        if self.random_count:
            words += f", and {self.random_count} of {self.count} from anywhere in the corpus"
        return words


def scaled_quotas(quotas: Mapping[str, int], count: int, wanted: int) -> dict[str, int]:
    """Quotas of `wanted` candidates in the proportion of those of `count`, rounded down.

    >>> scaled_quotas({"dense": 10, "bm25": 5}, 15, 60)
    {'dense': 40, 'bm25': 20}
    """
    return {name: max(quota * wanted // count, 1) for name, quota in quotas.items()}


class RetrieverOrders(Protocol):
    """What each of several retrievers found of some candidates, and in which order."""

    @property
    @abstractmethod
    def retrievers(self) -> tuple[str, ...]:
        """Their names, in the order in which they take."""
        ...

    @abstractmethod
    def order_of(self, retriever: str) -> NDArray[np.int64]:
        """The places of the candidates in its order, the others at the end; (queries, depth)."""
        ...

    @abstractmethod
    def found_by(self, retriever: str) -> NDArray[np.bool_]:
        """Which candidates it found; bool, (queries, depth)."""
        ...


def choose(
    eligible: NDArray[np.bool_],
    sampling: Sampling,
    uniform: NDArray[np.float64],
    score_minus_mean_positive: NDArray[np.float32] | None = None,
    teacher_scores: NDArray[np.float32] | None = None,
    retrievers: RetrieverOrders | None = None,
) -> NDArray[np.bool_]:
    """Choose at most `sampling.ranked_count` of the eligible candidates of each query.

    With quotas, each retriever in turn takes as many as its quota says of what it found and nobody
    has taken, and as many as those before it lacked. What is left to take is taken from all.

    Args:
        eligible: Which candidates may be chosen; bool, (queries, depth), best ranked first.
        sampling: How they are chosen.
        uniform: As in `Choices`.
        score_minus_mean_positive: As in `Choices`.
        teacher_scores: As in `Choices`.
        retrievers: What each retriever found; quotas alone need it.

    Returns:
        bool, (queries, depth).
    """
    count = sampling.ranked_count
    choices = Choices(eligible, uniform, score_minus_mean_positive, teacher_scores)
    if not sampling.quotas:
        return choose_by_method(choices, sampling, count)
    if retrievers is None:
        raise ValueError("quotas need to know what each retriever found")
    chosen = np.zeros(eligible.shape, bool)
    allowed = 0
    quotas = dict(sampling.quotas)
    for name in (name for name in retrievers.retrievers if name in quotas):
        allowed = min(allowed + quotas[name], count)
        left = eligible & retrievers.found_by(name) & ~chosen
        wanted = allowed - chosen.sum(axis=1)
        order = retrievers.order_of(name)
        chosen |= _choose_in_order(replace(choices, eligible=left), sampling, wanted, order)
    wanted = count - chosen.sum(axis=1)
    left = replace(choices, eligible=eligible & ~chosen)
    return chosen | _choose_in_order(left, sampling, wanted, None)


def _choose_in_order(
    choices: Choices,
    sampling: Sampling,
    wanted: NDArray[np.int64],
    order: NDArray[np.int64] | None,
) -> NDArray[np.bool_]:
    """Choose as many of each query as are wanted of it, with the candidates in another order.

    Args:
        choices: The candidates.
        sampling: How they are chosen; its quotas are not looked at.
        wanted: How many are wanted of each query; int64, (queries,).
        order: Places of candidates; int64, (queries, depth). None to keep theirs.
    """
    chosen = np.zeros(choices.eligible.shape, bool)
    if not wanted.any():
        return chosen
    if sampling.method in BY_RANK:
        eligible = choices.eligible
        eligible = eligible if order is None else np.take_along_axis(eligible, order, 1)
        found = choose_by_rank(eligible, sampling, wanted[:, None])
        return found if order is None else _put_back(found, order)
    for count in np.unique(wanted[wanted > 0]).tolist():
        rows = np.flatnonzero(wanted == count)
        found = choose_by_method(choices.of(rows, order), sampling, count)
        chosen[rows] = found if order is None else _put_back(found, order[rows])
    return chosen


def _put_back(found: NDArray[np.bool_], order: NDArray[np.int64]) -> NDArray[np.bool_]:
    out = np.empty(found.shape, bool)
    np.put_along_axis(out, order, found, 1)
    return out


def random_keys(
    query_hashes: NDArray[np.uint64], document_hashes: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """A pseudo-random uint64 for each query and document, from hashes that NumPy can broadcast.

    The `n` documents of a query with the smallest keys are a uniform sample of its documents.
    """
    # at least 1-d: NumPy warns of the overflow of scalars, which is meant here
    spread = np.uint64(0x9E3779B97F4A7C15) * np.atleast_1d(document_hashes)
    return _mix(np.atleast_1d(query_hashes) + spread)


def uniform_keys(keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Numbers in (0, 1) in the order of `keys`."""
    return ((keys >> np.uint64(12)).astype(np.float64) + 0.5) / (1 << 52)


def hash_ids(ids: Iterable[str], seed: int) -> NDArray[np.uint64]:
    """A hash of each id that depends on the seed."""
    key = seed.to_bytes(8, "little") if seed <= _MASK else str(seed).encode()[:64]
    digests = (hashlib.blake2b(i.encode(), digest_size=8, key=key).digest() for i in ids)
    # of millions of ids, a list would be far larger than the array
    return np.fromiter((int.from_bytes(digest, "little") for digest in digests), np.uint64)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): every bit moves all."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
