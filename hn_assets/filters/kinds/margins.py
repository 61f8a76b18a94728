"""Reject what scores almost as high as the known positives of the query, or higher."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from hn_assets.filters.base.candidate_features import CandidateFeatures, MarginAgainst
from hn_assets.filters.base.filter import Filter, Reason, Rejection
from hn_assets.settings_base import Settings

ABSOLUTE_MARGIN = Reason(
    "within the absolute margin",
    "its score {value:.4f} is above {limit:.4f}, the positives' score minus the absolute margin",
)
RELATIVE_MARGIN = Reason(
    "within the relative margin",
    "its score {value:.4f} is above {limit:.4f}, the positives' score minus the relative margin",
)


class MarginsSettings(Settings):
    """The margins between the positives and their negatives."""

    changeable_by_runs: ClassVar[tuple[str, ...]] = (
        "absolute_margin",
        "relative_margin",
        "margin_against",
    )

    absolute_margin: float | None = Field(
        default=None, description="reject what scores higher than the positives minus this"
    )
    relative_margin: float | None = Field(
        default=None,
        ge=0,
        description=(
            "reject what scores higher than the positives minus this share of their score; 0.05 "
            "is 5 percent"
        ),
    )
    margin_against: MarginAgainst = Field(
        default="min",
        description=(
            "which score of a query's positives the margins are measured from; `min`, the lowest, "
            "is what sentence-transformers and NeMo take: a negative is then below every positive"
        ),
    )


class Margins(Filter[MarginsSettings]):
    """Rejects scores within a margin of those of the known positives."""

    order = 20
    settings_class = MarginsSettings
    reasons = (ABSOLUTE_MARGIN, RELATIVE_MARGIN)

    @property
    def is_active(self) -> bool:
        """Whether a margin is set."""
        settings = self.settings
        return settings.absolute_margin is not None or settings.relative_margin is not None

    def reject(self, candidates: CandidateFeatures) -> Iterator[Rejection]:
        """Scores within a margin, if nobody judged the candidates not relevant."""
        settings, scores = self.settings, candidates.scores
        reference = candidates.reference(settings.margin_against)
        limits = []
        if settings.absolute_margin is not None:
            limits.append((ABSOLUTE_MARGIN, reference - settings.absolute_margin))
        if settings.relative_margin is not None:
            # a share of the size of the score, so that a margin lowers a negative score too
            limits.append(
                (RELATIVE_MARGIN, reference - settings.relative_margin * np.abs(reference))
            )
        for reason, limit in limits:
            above = (scores > limit) & ~candidates.judged_irrelevant
            yield Rejection(reason, above, scores, limit)
