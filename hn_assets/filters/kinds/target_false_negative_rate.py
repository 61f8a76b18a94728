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
            "leave out so many of the candidates that are probably relevant that the rate of "
            "false negatives stays under this; no threshold needs to be set. The rate is estimated "
            "by a model of other collections, and by hiding known positives as far as queries "
            "have two. Of what is left the hardest are taken, if mining.hardness or "
            "mining.sampling does not say otherwise"
        ),
    )
    unlabelled_per_positive: float | None = Field(
        default=None,
        gt=0,
        description=(
            "how many relevant passages that nobody labelled to expect for each labelled one. If "
            "it is not set, it is estimated from how few of the best candidates are labelled; the "
            "rate is then called estimated, and otherwise assumed"
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

        Nothing is rejected without a probability, which documents drawn at random do not have.
        """
        probability, limit = candidates.probability, candidates.probability_threshold
        if probability is not None:
            risky = (probability >= limit) & ~candidates.judged_irrelevant
            yield Rejection(PROBABLY_RELEVANT, risky, probability, limit)
