"""Reject by the score alone: what lies above one limit, or below another."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.filters.base.filter import Filter, Reason, Rejection
from hn_assets.settings_base import Settings

MAX_SCORE = Reason(
    "score above the maximum", "its score {value:.4f} is above the maximum {limit:.4f}"
)
MIN_SCORE = Reason(
    "score below the minimum",
    "its score {value:.4f} is below the minimum {limit:.4f}",
    means_too_easy=True,
)


class ScoreLimitsSettings(Settings):
    """The limits of scores."""

    changeable_by_runs: ClassVar[tuple[str, ...]] = (
        "max_score",
        "min_score",
    )

    max_score: float | None = Field(default=None, description="reject higher scores")
    min_score: float | None = Field(default=None, description="reject lower scores")


class ScoreLimits(Filter[ScoreLimitsSettings]):
    """Rejects scores that are too high or too low."""

    order = 10
    settings_class = ScoreLimitsSettings
    reasons = (MAX_SCORE, MIN_SCORE)

    @property
    def is_active(self) -> bool:
        """Whether a limit is set."""
        return self.settings.max_score is not None or self.settings.min_score is not None

    def reject(self, candidates: CandidateFeatures) -> Iterator[Rejection]:
        """Scores above the maximum, if nobody judged them not relevant, and below the minimum."""
        scores, highest, lowest = (
            candidates.scores,
            self.settings.max_score,
            self.settings.min_score,
        )
        if highest is not None:
            above = (scores > highest) & ~candidates.judged_irrelevant
            yield Rejection(MAX_SCORE, above, scores, highest)
        if lowest is not None:
            yield Rejection(MIN_SCORE, scores < lowest, scores, lowest)
