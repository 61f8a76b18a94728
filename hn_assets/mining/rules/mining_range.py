"""The range of ranks that negatives are taken from."""

import numpy as np

from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.filters.base.filter import Rejection
from hn_assets.mining.rules.reasons import OUTSIDE_RANGE


def outside_range(
    features: CandidateFeatures, start: int, end: int, *, excluding_positives: bool
) -> Rejection:
    """The candidates outside the range.

    Args:
        features: The candidates.
        start: The first rank of the range.
        end: The rank after its last.
        excluding_positives: Whether ranks are counted without what is never a negative.
    """
    place = features.place if excluding_positives else np.arange(features.place.shape[1])[None, :]
    outside = np.broadcast_to((place < start) | (place >= end), features.place.shape)
    return Rejection(OUTSIDE_RANGE, outside, place, np.where(place < start, start, end))
