"""Filters: which candidates are too much like a positive, or too little, to be a hard negative."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.mining.rules.reasons import KEPT, Reason
from hn_assets.settings.filters import FiltersSettings

# column of `references`
REFERENCE = {"min": 0, "mean": 1, "max": 2}


@dataclass(frozen=True)
class FilterDecisions:
    """What was decided about some candidates; all arrays of shape (queries, depth).

    Attributes:
        reasons: why each is not a negative, `KEPT` where it may be one; int8.
        values: the number that the reason looked at; float32, NaN where there is none.
        limits: what it was compared with; float32, NaN where there is none.
    """

    reasons: NDArray[np.int8]
    values: NDArray[np.float32]
    limits: NDArray[np.float32]

    @classmethod
    def start(cls, reasons: NDArray[np.int8]) -> "FilterDecisions":
        """From what is never a negative."""
        empty = np.full(reasons.shape, np.nan, np.float32)
        return cls(reasons.copy(), empty, empty.copy())

    def reject(
        self,
        reason: Reason,
        which: NDArray[np.bool_],
        values: NDArray | float = np.nan,
        limits: NDArray | float = np.nan,
    ) -> None:
        """Give those a reason that have none yet."""
        new = which & (self.reasons == KEPT)
        self.reasons[new] = reason
        self.values[new] = np.broadcast_to(values, new.shape)[new]
        self.limits[new] = np.broadcast_to(limits, new.shape)[new]


def reference_scores(
    positives: DocumentsByQuery, scores: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Lowest, mean and highest score of each query's positives; (queries, 3), 0 where none.

    Args:
        positives: of the queries.
        scores: of the shape of `positives.documents`; NaN where there is none.
    """
    import pandas as pd

    found = pd.Series(scores).groupby(positives.queries()).agg(["min", "mean", "max"])
    out = np.zeros((len(positives.starts) - 1, 3), np.float32)
    out[found.index] = found.to_numpy()
    return out


def apply_score_filters(
    judged: FilterDecisions,
    settings: FiltersSettings,
    scores: NDArray[np.float32],
    references: NDArray[np.float32],
    positive_similarity: NDArray[np.float32],
    judged_irrelevant: NDArray[np.bool_],
) -> None:
    """Reject by score, by margin to the positives and by positive_similarity to one.

    Args:
        judged: is changed.
        settings: which filters, and their limits; those that are None do nothing.
        scores: of the candidates.
        references: lowest, mean and highest score of each query's positives; (queries, 3).
        positive_similarity: cosine of each candidate to the nearest positive.
        judged_irrelevant: judged not relevant by a person: such a candidate passes.
    """
    if settings.max_score is not None:
        above = ~judged_irrelevant & (scores > settings.max_score)
        judged.reject(Reason.MAX_SCORE, above, scores, settings.max_score)
    if settings.min_score is not None:
        below = scores < settings.min_score
        judged.reject(Reason.MIN_SCORE, below, scores, settings.min_score)
    column = REFERENCE[settings.margin_against]
    reference = references[:, column : column + 1]
    if settings.absolute_margin is not None:
        limit = reference - settings.absolute_margin
        judged.reject(Reason.ABSOLUTE_MARGIN, ~judged_irrelevant & (scores > limit), scores, limit)
    if settings.relative_margin is not None:
        # of the size of the score, so that a negative score too is lowered by a margin
        limit = reference - settings.relative_margin * np.abs(reference)
        judged.reject(Reason.RELATIVE_MARGIN, ~judged_irrelevant & (scores > limit), scores, limit)
    if settings.max_positive_similarity is not None:
        near = ~judged_irrelevant & (positive_similarity > settings.max_positive_similarity)
        judged.reject(
            Reason.POSITIVE_SIMILARITY, near, positive_similarity, settings.max_positive_similarity
        )
