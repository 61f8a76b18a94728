"""A small model of "this candidate is probably relevant", which a person can read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

NEWTON_STEPS = 30
ENOUGH = 1e-6  # a smaller step changes no probability that anybody looks at
INTERCEPT_SPREAD = 3.0  # the intercept follows the data: how many are relevant differs most
ROWS_AT_ONCE = 200_000
LARGEST_SHIFT = 30.0  # of an intercept, beyond which every probability is 0 or 1


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

    def log_odds(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """The logarithm of the odds of being relevant; the last axis of `values` holds inputs."""
        weights = np.array(self.weights) / np.array(self.scale)
        return values @ weights + (self.intercept - float(np.array(self.mean) @ weights))

    def probability(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probability of being relevant; the last axis of `values` holds the inputs."""
        return _logistic(self.log_odds(values)).astype(np.float32)

    def expecting(
        self, values: NDArray[np.float32], weights: NDArray[np.float64], total: float
    ) -> RelevanceModel:
        """The model with the intercept by which so many candidates are relevant.

        Args:
            values: Inputs of candidates; float32, (candidates, inputs).
            weights: How much each of them counts; (candidates,).
            total: The sum of the weighted probabilities that is wanted.
        """
        odds = self.log_odds(values)
        low, high = -LARGEST_SHIFT, LARGEST_SHIFT
        for _ in range(40):
            middle = (low + high) / 2
            found = float(_logistic(odds + middle) @ weights)
            low, high = (middle, high) if found < total else (low, middle)
        return self.model_copy(update={"intercept": self.intercept + (low + high) / 2})

    def fit(
        self,
        values: NDArray[np.float32],
        relevant: NDArray[np.bool_],
        spread: NDArray[np.float64],
        weights: NDArray[np.float64] | None = None,
    ) -> RelevanceModel:
        """The most probable model after some candidates were seen, with this one as the prior.

        With few relevant candidates it stays near this model, with many it is the maximum
        likelihood fit; the intercept is free in any case.

        Args:
            values: Inputs of candidates; float32, (candidates, inputs).
            relevant: Which of them are relevant; bool, (candidates,).
            spread: The standard deviation of the prior of each weight; (inputs,).
            weights: How often each candidate counts; once if it is None.
        """
        count = len(relevant) if weights is None else float(weights.sum())
        hits = float(relevant.sum() if weights is None else weights[relevant].sum())
        if not hits or hits >= count:
            return self
        prior = np.array([*self.weights, np.log(hits / (count - hits))])
        precision = np.array([*(1 / np.square(spread)), INTERCEPT_SPREAD**-2])
        found = prior.copy()
        for _ in range(NEWTON_STEPS):
            gradient, hessian = self._derivatives(found, values, relevant, weights)
            step = np.linalg.solve(
                hessian + np.diag(precision), gradient - precision * (found - prior)
            )
            found += step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
            if np.abs(step).max() < ENOUGH:
                break
        return self.model_copy(
            update={"weights": tuple(map(float, found[:-1])), "intercept": float(found[-1])}
        )

    def _derivatives(
        self,
        found: NDArray[np.float64],
        values: NDArray[np.float32],
        relevant: NDArray[np.bool_],
        weights: NDArray[np.float64] | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gradient and negative second derivatives of the log likelihood, at some weights."""
        size = len(found)
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        mean, scale = np.array(self.mean, np.float32), np.array(self.scale, np.float32)
        for start in range(0, len(relevant), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            scaled = np.ones((len(relevant[rows]), size), np.float32)
            scaled[:, :-1] = (values[rows] - mean) / scale
            probability = _logistic(scaled @ found)
            error, curvature = relevant[rows] - probability, probability * (1 - probability)
            if weights is not None:
                error, curvature = error * weights[rows], curvature * weights[rows]
            gradient += error @ scaled
            hessian += (scaled * curvature[:, None].astype(np.float32)).T @ scaled
        return gradient, hessian


def _logistic(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-odds))
