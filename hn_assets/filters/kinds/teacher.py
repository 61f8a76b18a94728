"""Reject by the scores of the teacher: a reranker that has read query and passage together."""

from collections.abc import Iterator

from pydantic import Field

from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.filters.base.filter import Filter, Reason, Rejection
from hn_assets.settings_base import Settings

TEACHER_MAX_SCORE = Reason(
    "above the teacher's maximum",
    "the teacher scores it {value:.4f}, above the maximum {limit:.4f}",
)
TEACHER_MIN_SCORE = Reason(
    "below the teacher's minimum",
    "the teacher scores it {value:.4f}, below the minimum {limit:.4f}",
    means_too_easy=True,
)
TEACHER_MARGIN = Reason(
    "within the teacher's margin",
    "the teacher scores it {value:.4f}, above {limit:.4f}, its score of the positives minus the "
    "margin",
)


class TeacherLimitsSettings(Settings):
    """The limits of the teacher's scores."""

    max_score: float | None = Field(
        default=None, description="reject candidates that the teacher scores higher"
    )
    min_score: float | None = Field(
        default=None, description="reject candidates that the teacher scores lower"
    )
    margin: float | None = Field(
        default=None,
        description=(
            "reject candidates that the teacher scores higher than the positives minus this; "
            "filters.margin_against says which of them"
        ),
    )


class TeacherLimits(Filter[TeacherLimitsSettings]):
    """Rejects by the teacher's scores; a candidate without one is passed."""

    order = 10
    section = "teacher"
    measured_by_holdout = False
    settings_class = TeacherLimitsSettings
    reasons = (TEACHER_MAX_SCORE, TEACHER_MIN_SCORE, TEACHER_MARGIN)

    @property
    def is_active(self) -> bool:
        """Whether a limit is set."""
        settings = self.settings
        return any(x is not None for x in (settings.max_score, settings.min_score, settings.margin))

    def reject(self, candidates: CandidateFeatures) -> Iterator[Rejection]:
        """Scores below the minimum, and those too high of what nobody judged not relevant."""
        scores, reference = candidates.teacher_scores, candidates.teacher_reference
        if scores is None or reference is None:
            return
        settings = self.settings
        unjudged = ~candidates.judged_irrelevant
        if settings.max_score is not None:
            above = unjudged & (scores > settings.max_score)
            yield Rejection(TEACHER_MAX_SCORE, above, scores, settings.max_score)
        if settings.min_score is not None:
            below = scores < settings.min_score
            yield Rejection(TEACHER_MIN_SCORE, below, scores, settings.min_score)
        if settings.margin is not None:
            limit = reference - settings.margin
            yield Rejection(TEACHER_MARGIN, unjudged & (scores > limit), scores, limit)
