"""By what chosen negatives are ordered from the most to the least probably relevant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def relevance_estimate(negatives: pd.DataFrame) -> pd.Series[float]:
    """The probability of being relevant; if there is none at all, margin and similarity together.

    What has no estimate comes last, at minus infinity: it was drawn from anywhere in the corpus.

    Args:
        negatives: With the columns margin, positive_similarity and probability.
    """
    probability = negatives.probability.astype(float)
    if not probability.notna().any():
        probability = negatives.margin + negatives.positive_similarity
    return probability.fillna(-np.inf)
