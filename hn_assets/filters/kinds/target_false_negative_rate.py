"""Reject what the calibrated model takes for relevant.

The model and the threshold come from `hn_assets/mining/holdout`, which measures on hidden known
positives how many false negatives a threshold lets through.
"""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.filters.base.filter import Filter, Reason, Rejection
from hn_assets.settings_base import Settings

# takes the place of the model if the qrels cannot support a calibration
FALLBACK_RELATIVE_MARGIN = 0.05

PROBABLY_RELEVANT = Reason(
    "probably relevant",
    "its probability of being relevant is {value:.4f}; from {limit:.4f} on candidates are rejected",
)


class RelevanceModelSettings(Settings):
    """The rate of false negatives that is to be kept."""

    changeable_by_runs: ClassVar[tuple[str, ...]] = (
        "target_false_negative_rate",
        "unlabelled_per_positive",
    )

    target_false_negative_rate: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description=(
            f"leave out so many of the candidates that are probably relevant that the rate of "
            f"false negatives stays under this, as measured by hiding known positives; no "
            f"threshold needs to be set. Of what is left the hardest are taken, if mining.hardness "
            f"or mining.sampling does not say otherwise. If the qrels cannot support it, "
            f"relative_margin {FALLBACK_RELATIVE_MARGIN:g} and the default range and sampling of "
            f"`mining` take its place, and the metadata say so"
        ),
    )
    unlabelled_per_positive: float = Field(
        default=2.0,
        gt=0,
        description=(
            "how many relevant passages that nobody labelled to expect for each labelled one; the "
            "measured rate is multiplied by it. Labels of a few passages per query are far from "
            "complete"
        ),
    )


class RelevanceModelFilter(Filter[RelevanceModelSettings]):
    """Rejects candidates from a calibrated probability of relevance on."""

    order = 60
    settings_class = RelevanceModelSettings
    reasons = (PROBABLY_RELEVANT,)

    @property
    def is_active(self) -> bool:
        """Whether a target rate is set."""
        return self.settings.target_false_negative_rate is not None

    def reject(self, candidates: CandidateFeatures) -> Iterator[Rejection]:
        """What is too probably relevant, if nobody judged it not relevant.

        Nothing is rejected without a model, which there is not if the qrels support none.
        """
        probability, limit = candidates.probability, candidates.probability_threshold
        if probability is not None:
            risky = (probability >= limit) & ~candidates.judged_irrelevant
            yield Rejection(PROBABLY_RELEVANT, risky, probability, limit)
