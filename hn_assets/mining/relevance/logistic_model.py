"""A small model of "this candidate is probably relevant", which a person can read."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict


class RelevanceModel(BaseModel):
    """Logistic regression over inputs that are brought to mean 0 and standard deviation 1 first.

    Attributes:
        features: The name of each input.
        mean: The mean of each input.
        scale: The standard deviation of each input.
        weights: The weight of each input after scaling.
        intercept: The constant of the sum.
    """

    model_config = ConfigDict(frozen=True)

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    @classmethod
    def fit(
        cls, values: NDArray[np.float32], relevant: NDArray[np.bool_], features: Sequence[str]
    ) -> RelevanceModel:
        """Fit a model to candidates.

        Args:
            values: float32, (candidates, inputs).
            relevant: Which candidates are relevant; bool, (candidates,).
            features: The name of each input.
        """
        from sklearn.linear_model import LogisticRegression

        mean, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
        regression = LogisticRegression(max_iter=500)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whether it converged shows in the measured rate
            regression.fit((values - mean) / scale, relevant)
        return cls(
            features=tuple(features),
            mean=tuple(float(x) for x in mean),
            scale=tuple(float(x) for x in scale),
            weights=tuple(float(x) for x in regression.coef_[0]),
            intercept=float(np.ravel(regression.intercept_)[0]),
        )

    def probability(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probability of being relevant; the last axis of `values` holds the inputs."""
        weights = np.array(self.weights) / np.array(self.scale)
        constant = self.intercept - float(np.array(self.mean) @ weights)
        with np.errstate(over="ignore"):
            return (1 / (1 + np.exp(-(values @ weights + constant)))).astype(np.float32)
