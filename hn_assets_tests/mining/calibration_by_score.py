"""A calibration that needs no hold-out."""

from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.relevance.compute_features import MODEL_INPUTS
from hn_assets.mining.relevance.logistic_model import RelevanceModel


def calibration_by_score(threshold: float) -> Calibration:
    """A calibration by which the score alone decides."""
    size = len(MODEL_INPUTS)
    model = RelevanceModel(
        features=MODEL_INPUTS,
        mean=(0.0,) * size,
        scale=(1.0,) * size,
        weights=tuple(5.0 * (name == "score minus mean positive") for name in MODEL_INPUTS),
        intercept=0.0,
    )
    return Calibration(
        target=0.1,
        unlabelled_per_positive=1.0,
        model=model,
        threshold=threshold,
        kind="estimated",
        rate=0.05,
        rate_low=0.0,
        rate_high=0.1,
        negatives=600,
        queries=40,
        queries_with_two=40,
        queries_with_one=0,
        queries_lent_to=0,
        hidden=40,
        share_of_own_labels=0.5,
    )
