"""How many relevant passages nobody labelled, for each that is known.

Of the ten best documents of a query, the prior says how many are relevant. If fewer of these are
known, the others are not labelled. Known positives are taken to be a random part of the relevant
documents, so that what holds for the ten best holds further down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.holdout.rate import RateKind
from hn_assets.mining.holdout.splits import HoldoutRankings
from hn_assets.mining.relevance.prior import RelevancePrior

BEST = 10
USUAL_SHARE = 0.3  # of known positives that rank among the ten best, over collections
FACTORS = (0.6, 4.0)  # bounds of `among_candidates`
LEAST, MOST = 1.0, 50.0  # never taken to be fewer, or more, for each known positive


@dataclass(frozen=True)
class Unlabelled:
    """How many relevant passages to expect that nobody labelled.

    Attributes:
        per_positive: For each known positive.
        among_candidates: How many times as many the model has to expect among the candidates. Where
            known positives rank low, it finds fewer of the others than there are: this is what the
            collections of the prior have shown, and it is in proportion to how few of the known
            ones rank among the best.
        kind: Whether the number is estimated, or assumed because the settings name it.
    """

    per_positive: float
    among_candidates: float
    kind: RateKind


def estimate_unlabelled(
    rankings: HoldoutRankings,
    inputs: NDArray[np.float32],
    weights: NDArray[np.float64],
    prior: RelevancePrior,
) -> Unlabelled:
    """Estimate the number from how many of the best candidates are known positives.

    Args:
        rankings: The rankings of queries as they are.
        inputs: From `model_inputs`, of the same rankings.
        weights: How much each ranking counts; (rankings,).
        prior: What is known of relevance.
    """
    order = rankings.features.score_order[:, :BEST]
    known = np.take_along_axis(rankings.visible, order, 1)
    eligible = np.take_along_axis(rankings.features.eligible, order, 1)
    best = np.take_along_axis(inputs, order[:, :, None], 1)
    expected = known + eligible * prior.model.probability(best)
    here = float(expected.sum(axis=1, dtype=float) @ weights) / max(float(weights.sum()), 1e-9)
    return compare_with_known(known, rankings.known, weights, here)


def compare_with_known(
    among_best: NDArray[np.bool_],
    known: NDArray[np.int64],
    weights: NDArray[np.float64],
    relevant: float,
) -> Unlabelled:
    """Compare how many of the best candidates are relevant with how many are known.

    Args:
        among_best: Which of the best candidates are known positives; bool, (rankings, `BEST`).
        known: How many known positives each query has, wherever they rank; (rankings,).
        weights: How much each ranking counts; (rankings,).
        relevant: How many of the best candidates of a query are relevant.
    """
    if not len(weights):
        return Unlabelled(LEAST, 1.0, "estimated")
    total = float(weights.sum())
    # half a query's positive more than was found, so that none among the best is no infinity
    found = float(among_best.sum(axis=1) @ weights) + 0.5 * total / len(weights)
    per_positive = relevant * total / found - 1
    share = min(found / max(float(known @ weights), 1e-9), 1.0)
    return Unlabelled(
        float(np.clip(per_positive, LEAST, MOST)),
        float(np.clip(USUAL_SHARE / share, *FACTORS)),
        "estimated",
    )
