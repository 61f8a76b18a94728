"""How many relevant passages nobody labelled, for each that is known.

Encoders rank much the same share of relevant documents among the ten best of a query, whatever the
collection. If fewer of these are known, the others are not labelled. Known positives are taken to
be a random part of the relevant documents, so that what holds for the ten best holds further down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.holdout.rate import RateKind

BEST = 10
LEAST, MOST = 1.0, 50.0  # never taken to be fewer, or more, for each known positive


@dataclass(frozen=True)
class Unlabelled:
    """How many relevant passages to expect that nobody labelled.

    Attributes:
        per_positive: For each known positive.
        kind: Whether the number is estimated, or assumed because the settings name it.
    """

    per_positive: float
    kind: RateKind


def estimate_unlabelled(
    known: NDArray[np.bool_], weights: NDArray[np.float64], precision: float
) -> Unlabelled:
    """Estimate the number from how many of the best candidates are known positives.

    Args:
        known: Which candidates are known positives, best candidate first; bool, (rankings, depth).
        weights: How much each ranking counts; (rankings,).
        precision: Which share of the `BEST` best candidates is relevant.
    """
    if not len(weights):
        return Unlabelled(LEAST, "estimated")
    total = float(weights.sum())
    # half a query's positive more than was found, so that none among the best is no infinity
    found = known[:, :BEST].sum(axis=1) @ weights + 0.5 * total / len(weights)
    per_positive = BEST * precision * total / found - 1
    return Unlabelled(float(np.clip(per_positive, LEAST, MOST)), "estimated")
