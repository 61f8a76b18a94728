"""What filters know of candidates: arrays with one row per ranking and one column per rank."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MarginAgainst = Literal["min", "mean", "max"]

# columns of `reference_scores`
REFERENCE_COLUMN: dict[MarginAgainst, int] = {"min": 0, "mean": 1, "max": 2}

# stands behind every rank
NOT_RANKED = np.iinfo(np.int32).max

# the arrays that have one row for each ranking, and no column for each candidate
_OF_RANKINGS = {"queries", "reference_scores", "teacher_reference"}


def places_among(eligible: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The rank of each candidate among the eligible ones, counted from 0; int64.

    Args:
        eligible: bool, (rankings, depth), in the order of the ranks.
    """
    return np.maximum(np.cumsum(eligible, axis=1) - 1, 0)


def order_by_score(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """The places of candidates from the highest score on; int64, (rankings, depth)."""
    return np.argsort(-scores, axis=1, kind="stable")


def inverse_of(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each candidate in an order of them.

    >>> inverse_of(np.array([[2, 0, 1]])).tolist()
    [[1, 2, 0]]
    """
    out = np.empty(order.shape, np.int64)
    places = np.broadcast_to(np.arange(order.shape[1]), order.shape)
    np.put_along_axis(out, order, places, 1)
    return out


@dataclass(frozen=True)
class CandidateFeatures:
    """The candidates of some rankings, and the numbers by which they are judged.

    Arrays have the shape (rankings, depth) unless another one is named.

    Attributes:
        queries: Rows of the queries; int64, (rankings,).
        documents: Rows of the candidates, best first; int64, -1 beyond the end of a ranking.
        scores: Inner products of query and candidate; float32, -inf beyond the end.
        eligible: Which candidates are not excluded whatever the settings; bool.
        place: The rank of each candidate among the eligible ones, counted from 0; int64.
        reference_scores: The lowest, the mean and the highest score of the query's known
            positives; float32, (rankings, 3).
        positive_similarity: The cosine to the nearest known positive; float32.
        mean_positive_similarity: The mean cosine to the known positives; float32.
        local_density: The mean cosine to the query's best candidates, without itself; float32.
        best_similarity: The same of its very best candidates; float32.
        query_similarity: The cosine to the mean direction of all queries; float32.
        judged_irrelevant: Which candidates the qrels call not relevant and the filters of
            relevance therefore pass; bool.
        cross_query_similarity: How similar the query is to the nearest other query of which the
            candidate is a known positive, from 0 (as two queries are on average, or there is none)
            to 1 (the same direction); float32. None if it is not needed.
        probability: The probability of being relevant by the calibrated model; float32. None if
            there is no model.
        probability_threshold: The calibrated limit of `probability`.
        teacher_scores: The teacher's scores, NaN if it did not score a candidate; float32. None
            without a teacher.
        teacher_reference: The teacher's score of the known positives that margins are measured
            from; float32, (rankings, 1). None without a teacher.
        retrievers: The names of the retrievers whose finds were joined; none if the encoder alone
            has ranked.
        ranks: The rank of each candidate for each of these, -1 if it did not find it; int32,
            (rankings, depth, retrievers). None if the encoder alone has ranked: then candidates
            stand in the order of their scores.
        place_by_score: The rank of each candidate among the eligible ones, if they stood in the
            order of their scores; int64. None if they do.
        lexical_rank: The best rank that a lexical retriever gives each candidate, `NOT_RANKED` if
            none found it; int32. None if there is no such retriever.
        orders: What `order_of` has found, by retriever. It is shared with features that differ in
            nothing but a probability, as a calibration tries many of them.
    """

    queries: NDArray[np.int64]
    documents: NDArray[np.int64]
    scores: NDArray[np.float32]
    eligible: NDArray[np.bool_]
    place: NDArray[np.int64]
    reference_scores: NDArray[np.float32]
    positive_similarity: NDArray[np.float32]
    mean_positive_similarity: NDArray[np.float32]
    local_density: NDArray[np.float32]
    best_similarity: NDArray[np.float32]
    query_similarity: NDArray[np.float32]
    judged_irrelevant: NDArray[np.bool_]
    cross_query_similarity: NDArray[np.float32] | None = None
    probability: NDArray[np.float32] | None = None
    probability_threshold: float = 1.0
    teacher_scores: NDArray[np.float32] | None = None
    teacher_reference: NDArray[np.float32] | None = None
    retrievers: tuple[str, ...] = ()
    ranks: NDArray[np.int32] | None = None
    place_by_score: NDArray[np.int64] | None = None
    lexical_rank: NDArray[np.int32] | None = None
    orders: dict[str, NDArray[np.int64]] = field(default_factory=dict, repr=False)

    def reference(self, margin_against: MarginAgainst) -> NDArray[np.float32]:
        """One of the reference scores of each ranking; float32, (rankings, 1)."""
        column = REFERENCE_COLUMN[margin_against]
        return self.reference_scores[:, column : column + 1]

    @cached_property
    def score_minus_mean_positive(self) -> NDArray[np.float32]:
        """The score minus the mean score of the known positives, 0 if not eligible; float32."""
        return np.where(self.eligible, self.scores - self.reference("mean"), 0)

    @cached_property
    def score_order(self) -> NDArray[np.int64]:
        """The places of the candidates from the highest score on; int64.

        What is said of the best candidates is said of the best by score, whoever found them: so it
        is the same with one retriever and with several.
        """
        if self.ranks is None:
            return np.broadcast_to(np.arange(self.scores.shape[1]), self.scores.shape)
        return order_by_score(self.scores)

    @cached_property
    def score_rank(self) -> NDArray[np.int64]:
        """The rank of each candidate among the scores of its ranking, counted from 0; int64."""
        return inverse_of(self.score_order)

    def order_of(self, retriever: str) -> NDArray[np.int64]:
        """The places of the candidates in the order of a retriever, and of the others at the end.

        Returns:
            int64.
        """
        if retriever not in self.orders:
            ranks = self._ranks_of(retriever)
            self.orders[retriever] = np.argsort(
                np.where(ranks >= 0, ranks, NOT_RANKED), axis=1, kind="stable"
            )
        return self.orders[retriever]

    def place_of(self, retriever: str) -> NDArray[np.int64]:
        """The rank of each candidate among the eligible ones that a retriever found; int64.

        It says nothing of the others.
        """
        order = self.order_of(retriever)
        may = np.take_along_axis(self.eligible & self.found_by(retriever), order, 1)
        return np.take_along_axis(places_among(may), inverse_of(order), 1)

    def found_by(self, retriever: str) -> NDArray[np.bool_]:
        """Which candidates a retriever found; bool."""
        return self._ranks_of(retriever) >= 0

    def _ranks_of(self, retriever: str) -> NDArray[np.int32]:
        if self.ranks is None:
            raise ValueError(f"the candidates do not say what the retriever {retriever!r} found")
        return self.ranks[:, :, self.retrievers.index(retriever)]

    def ordered(self, order: NDArray[np.int64]) -> CandidateFeatures:
        """The features with the candidates of each ranking in another order.

        Args:
            order: Places of candidates; int64, (rankings, depth).
        """
        changed: dict[str, NDArray] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, np.ndarray) and one.name not in _OF_RANKINGS:
                places = order[:, :, None] if value.ndim > 2 else order
                changed[one.name] = np.take_along_axis(value, places, 1)
        changed["place"] = places_among(changed["eligible"])
        return replace(self, **changed, orders={})

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> CandidateFeatures:
        """The features of some of the rankings."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        arrays = {
            name: value[which] for name, value in values.items() if isinstance(value, np.ndarray)
        }
        return replace(self, **arrays, orders={})
