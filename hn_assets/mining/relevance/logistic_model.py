"""A small model of "this candidate is probably relevant", that a person can read.

Six numbers decide: how far the candidate's score is from those of the positives, how high it
ranks, how close it lies to the nearest positive and to all of them, how crowded its place is, and
whether it answers another query much like this one.
"""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.relevance.positive_similarity import PositiveSimilarity

FEATURES = (
    "score minus mean positive",
    "log of rank",
    "cosine to the nearest positive",
    "mean cosine to the positives",
    "cosine to the other candidates",
    "relevance_estimate of another query it answers",
)


def features(
    score_minus_mean_positive: NDArray[np.float32],
    place: NDArray[np.int64],
    near: PositiveSimilarity,
    elsewhere: NDArray[np.float32],
) -> NDArray[np.float32]:
    """The numbers the model looks at.

    Args:
        score_minus_mean_positive: score minus the mean score of the query's positives; (queries, depth).
        place: rank among the candidates that may be negatives, from 0.
        near: to the positives, and to the other candidates.
        elsewhere: relevance_estimate of the nearest other query that the candidate answers.

    Returns:
        float32, (queries, depth, features).
    """
    columns = [
        score_minus_mean_positive,
        np.log1p(place),
        near.closest,
        near.mean,
        near.local_density,
        elsewhere,
    ]
    return np.stack(columns, axis=-1).astype(np.float32)


@dataclass(frozen=True)
class RelevanceModel:
    """Logistic regression over `FEATURES`, each brought to mean 0 and deviation 1 first.

    Attributes:
        mean: of each feature.
        scale: standard deviation of each feature.
        weights: of each feature so scaled.
        intercept: of the sum.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    @classmethod
    def fit(cls, values: NDArray[np.float32], relevant: NDArray[np.bool_]) -> "RelevanceModel":
        """Fit to candidates, `values` of shape (candidates, features)."""
        from sklearn.linear_model import LogisticRegression

        mean, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
        regression = LogisticRegression(max_iter=500)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whether it converged shows in the measured rate
            regression.fit((values - mean) / scale, relevant)
        return cls(
            mean=tuple(float(x) for x in mean),
            scale=tuple(float(x) for x in scale),
            weights=tuple(float(x) for x in regression.coef_[0]),
            intercept=float(np.ravel(regression.intercept_)[0]),
        )

    def probability(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of being relevant; the last axis of `values` holds the features."""
        weights = np.array(self.weights) / np.array(self.scale)
        constant = self.intercept - float(np.array(self.mean) @ weights)
        with np.errstate(over="ignore"):
            return (1 / (1 + np.exp(-(values @ weights + constant)))).astype(np.float32)

    def as_json(self) -> dict[str, Any]:
        """To be kept; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "RelevanceModel":
        """What `as_json` gave."""
        sequences = {name: tuple(kept[name]) for name in ("mean", "scale", "weights")}
        return cls(**sequences, intercept=float(kept["intercept"]))
