"""Which of the candidates that may be negatives are taken.

Nothing but the seed, the ids of query and document and the scores decides. So a choice is the same
on every machine and whatever the order of the texts, and a candidate more or less does not change
which of two others is preferred.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

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
    """

    method: SamplingMethod
    count: int
    a: float = 0.5
    b: float = 0.0
    hardness: float = 1.0
    random_share: float = 0.0

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

    def describe(self) -> str:
        """How negatives are taken, in words."""
        words = METHOD_DESCRIPTIONS[self.method]
        if self.method == "window":
            words += f" at hardness {self.hardness:g}"
        if self.random_count:
            words += f", and {self.random_count} of {self.count} from anywhere in the corpus"
        return words


def choose(
    eligible: NDArray[np.bool_],
    sampling: Sampling,
    uniform: NDArray[np.float64],
    score_minus_mean_positive: NDArray[np.float32] | None = None,
    teacher_scores: NDArray[np.float32] | None = None,
) -> NDArray[np.bool_]:
    """Choose at most `sampling.ranked_count` of the eligible candidates of each query.

    Args:
        eligible: Which candidates may be chosen; bool, (queries, depth), best ranked first.
        sampling: How they are chosen.
        uniform: From `uniform_keys`; float64, (queries, depth).
        score_minus_mean_positive: The score minus the mean score of the query's positives;
            float32, (queries, depth). None if it is not known; SimANS alone needs it.
        teacher_scores: The teacher's scores of the eligible candidates at least; float32, (queries,
            depth). None without a teacher; `stratified_by_teacher_score` alone needs them.

    Returns:
        bool, (queries, depth).
    """
    count = sampling.ranked_count
    if not count:
        return np.zeros(eligible.shape, bool)
    if sampling.method == "stratified":
        return _choose_stratified(eligible, count, uniform)
    if sampling.method == "stratified_by_teacher_score":
        if teacher_scores is None:
            raise ValueError("stratified_by_teacher_score needs the scores of a teacher")
        return _choose_by_teacher_score(eligible, count, uniform, teacher_scores)
    if sampling.method == "window":
        return _choose_window(eligible, count, sampling.hardness)
    if sampling.method == "top":
        return eligible & (np.cumsum(eligible, axis=1) <= count)
    keys = uniform
    if sampling.method == "simans":
        if score_minus_mean_positive is None:
            raise ValueError("SimANS needs the score minus the mean score of the positives")
        # smallest -log(u) / w: weighted sampling without replacement (Efraimidis and Spirakis
        # 2006); as logarithms, since weights of far candidates are very small
        finite = np.where(
            np.isfinite(score_minus_mean_positive), score_minus_mean_positive, 0
        ).astype(np.float64)
        keys = np.log(-np.log(uniform)) + sampling.a * (finite - sampling.b) ** 2
    return _smallest(np.where(eligible, keys, np.inf), count) & eligible


def _smallest(keys: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    order = np.argsort(keys, axis=1, kind="stable")[:, :count]
    chosen = np.zeros(keys.shape, bool)
    np.put_along_axis(chosen, order, True, 1)
    return chosen


def _choose_window(eligible: NDArray[np.bool_], count: int, hardness: float) -> NDArray[np.bool_]:
    # small numbers, as a calibration chooses again at every threshold
    number = np.cumsum(eligible, axis=1, dtype=np.int32)
    left_out = np.maximum(number[:, -1:] - count, 0)
    before = np.floor((1 - hardness) * left_out + 0.5).astype(np.int32)
    return eligible & (number > before) & (number <= before + count)


def _choose_stratified(
    eligible: NDArray[np.bool_], count: int, uniform: NDArray[np.float64]
) -> NDArray[np.bool_]:
    place = np.cumsum(eligible, axis=1) - 1
    total = np.maximum(eligible.sum(axis=1, keepdims=True), 1)
    # with fewer candidates than wanted, each is a part of its own
    part = np.where(total > count, place * count // total, place)
    order = np.argsort(np.where(eligible, part + uniform, np.inf), axis=1, kind="stable")
    ordered = np.take_along_axis(np.where(eligible, part, -1), order, 1)
    first = np.ones(ordered.shape, bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    chosen = np.zeros(eligible.shape, bool)
    np.put_along_axis(chosen, order, first & (ordered >= 0), 1)
    return chosen


def _choose_by_teacher_score(
    eligible: NDArray[np.bool_],
    count: int,
    uniform: NDArray[np.float64],
    teacher_scores: NDArray[np.float32],
) -> NDArray[np.bool_]:
    scores = np.where(eligible, teacher_scores, np.nan).astype(np.float64)
    lowest, highest = (
        end.reduce(scores, axis=1, keepdims=True, initial=np.nan) for end in (np.fmin, np.fmax)
    )
    width = np.where(highest > lowest, highest - lowest, 1)
    place = np.where(eligible, (scores - lowest) / width * count, count)
    part = np.where(eligible, np.minimum(place, count - 1), count).astype(np.int64)
    # those of a part together, in the order of their random numbers, and numbered from 0
    order = np.argsort(part + uniform, axis=1, kind="stable")
    ordered = np.take_along_axis(part, order, 1)
    places = np.broadcast_to(np.arange(part.shape[1]), part.shape)
    is_first = np.ones(part.shape, bool)
    is_first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    number = np.empty(part.shape, np.int64)
    first = np.maximum.accumulate(np.where(is_first, places, 0), axis=1)
    np.put_along_axis(number, order, places - first, 1)
    # one of every part, then a second one of parts that have it, and so on
    return _smallest(np.where(eligible, number + uniform, np.inf), count) & eligible


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
