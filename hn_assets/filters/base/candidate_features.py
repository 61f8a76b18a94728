"""What filters know of candidates: arrays with one row per ranking and one column per rank."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MarginAgainst = Literal["min", "mean", "max"]

# columns of `reference_scores`
REFERENCE_COLUMN: dict[MarginAgainst, int] = {"min": 0, "mean": 1, "max": 2}


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

    def reference(self, margin_against: MarginAgainst) -> NDArray[np.float32]:
        """One of the reference scores of each ranking; float32, (rankings, 1)."""
        column = REFERENCE_COLUMN[margin_against]
        return self.reference_scores[:, column : column + 1]

    @cached_property
    def score_minus_mean_positive(self) -> NDArray[np.float32]:
        """The score minus the mean score of the known positives, 0 if not eligible; float32."""
        return np.where(self.eligible, self.scores - self.reference("mean"), 0)

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> CandidateFeatures:
        """The features of some of the rankings."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays = {
            name: value[which] for name, value in values.items() if isinstance(value, np.ndarray)
        }
        return replace(self, **arrays)
