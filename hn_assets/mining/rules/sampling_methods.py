"""The methods of sampling: how candidates are chosen if it does not matter who found them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hn_assets.mining.rules.sampling import Sampling

BY_RANK = ("top", "window")  # the methods that look at nothing but the order


@dataclass(frozen=True)
class Choices:
    """Candidates, as far as a choice looks at them; arrays are (queries, depth).

    Attributes:
        eligible: Which candidates may be chosen, best ranked first; bool.
        uniform: From `uniform_keys`; float64.
        score_minus_mean_positive: The score minus the mean score of the query's positives; float32.
            None if it is not known; SimANS alone needs it.
        teacher_scores: The teacher's scores of the eligible candidates at least; float32. None
            without a teacher; `stratified_by_teacher_score` alone needs them.
    """

    eligible: NDArray[np.bool_]
    uniform: NDArray[np.float64]
    score_minus_mean_positive: NDArray[np.float32] | None = None
    teacher_scores: NDArray[np.float32] | None = None

    def of(self, rows: NDArray[np.int64], order: NDArray[np.int64] | None) -> Choices:
        """The candidates of some queries, perhaps in another order.

        Args:
            rows: Which queries.
            order: Places of the candidates; int64, (queries, depth). None to keep theirs.
        """

        def take(values: NDArray) -> NDArray:
            return (
                values[rows] if order is None else np.take_along_axis(values[rows], order[rows], 1)
            )

        of_positives, teacher = self.score_minus_mean_positive, self.teacher_scores
        return Choices(
            take(self.eligible),
            take(self.uniform),
            None if of_positives is None else take(of_positives),
            None if teacher is None else take(teacher),
        )


def choose_by_rank(
    eligible: NDArray[np.bool_], sampling: Sampling, counts: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Choose as many of each query as `counts` says, by the methods that look at ranks alone.

    Args:
        eligible: As in `Choices`.
        sampling: Its method is `top` or `window`.
        counts: int64, (queries, 1).
    """
    if sampling.method == "window":
        return _choose_window(eligible, counts, sampling.hardness)
    # small numbers, as a calibration chooses again at every threshold
    return eligible & (np.cumsum(eligible, axis=1, dtype=np.int32) <= counts)


def choose_by_method(choices: Choices, sampling: Sampling, count: int) -> NDArray[np.bool_]:
    """Choose at most `count` of the eligible candidates of each query, whoever found them."""
    eligible, uniform = choices.eligible, choices.uniform
    if not count:
        return np.zeros(eligible.shape, bool)
    if sampling.method == "stratified":
        return _choose_stratified(eligible, count, uniform)
    if sampling.method == "stratified_by_teacher_score":
        if choices.teacher_scores is None:
            raise ValueError("stratified_by_teacher_score needs the scores of a teacher")
        return _choose_by_teacher_score(eligible, count, uniform, choices.teacher_scores)
    if sampling.method in BY_RANK:
        return choose_by_rank(eligible, sampling, np.full((len(eligible), 1), count))
    keys = uniform
    if sampling.method == "simans":
        of_positives = choices.score_minus_mean_positive
        if of_positives is None:
            raise ValueError("SimANS needs the score minus the mean score of the positives")
        # smallest -log(u) / w: weighted sampling without replacement (Efraimidis and Spirakis
        # 2006); as logarithms, since weights of far candidates are very small
        finite = np.where(np.isfinite(of_positives), of_positives, 0).astype(np.float64)
        keys = np.log(-np.log(uniform)) + sampling.a * (finite - sampling.b) ** 2
    return _smallest(np.where(eligible, keys, np.inf), count) & eligible


def _smallest(keys: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    order = np.argsort(keys, axis=1, kind="stable")[:, :count]
    chosen = np.zeros(keys.shape, bool)
    np.put_along_axis(chosen, order, True, 1)
    return chosen


def _choose_window(
    eligible: NDArray[np.bool_], count: NDArray[np.int64], hardness: float
) -> NDArray[np.bool_]:
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
