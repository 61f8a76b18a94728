"""Reject what lies too close to a known positive of the query."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.filters.base.filter import Filter, Reason, Rejection
from hn_assets.settings_base import Settings

CLOSE_TO_A_POSITIVE = Reason(
    "close to a positive", "its cosine to a positive is {value:.4f}, above {limit:.4f}"
)


class PositiveSimilaritySettings(Settings):
    """The limit of the similarity to a positive."""

    changeable_by_runs: ClassVar[tuple[str, ...]] = ("max_positive_similarity",)

    max_positive_similarity: float | None = Field(
        default=None, description="reject what has a higher cosine to a known positive"
    )


class MaxPositiveSimilarity(Filter[PositiveSimilaritySettings]):
    """Rejects candidates whose cosine to a known positive is too high."""

    order = 30
    settings_class = PositiveSimilaritySettings
    reasons = (CLOSE_TO_A_POSITIVE,)

    @property
    def is_active(self) -> bool:
        """Whether a limit is set."""
        return self.settings.max_positive_similarity is not None

    def reject(self, candidates: CandidateFeatures) -> Iterator[Rejection]:
        """What lies closer than the limit, if nobody judged it not relevant."""
        limit = self.settings.max_positive_similarity
        if limit is not None:
            close = (candidates.positive_similarity > limit) & ~candidates.judged_irrelevant
            yield Rejection(CLOSE_TO_A_POSITIVE, close, candidates.positive_similarity, limit)
