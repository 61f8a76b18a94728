"""What was decided about candidates, and how filters come to decide it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.filters.base.filter import Filter, Reason, Rejection
from hn_assets.mining.rules.reasons import CODES

KEPT = -1  # no reason speaks against the candidate
NO_CANDIDATE = 127  # beyond the end of a ranking


@dataclass(frozen=True)
class FilterDecisions:
    """What was decided about some candidates; all arrays have the shape (queries, depth).

    Attributes:
        codes: The code of the reason why a candidate is not a negative, `KEPT` if it may be one,
            `NO_CANDIDATE` beyond the end of a ranking; int8.
        values: The number that the reason looked at; float32, NaN if there is none.
        limits: What the number was compared with; float32, NaN if there is none.
    """

    codes: NDArray[np.int8]
    values: NDArray[np.float32]
    limits: NDArray[np.float32]

    @classmethod
    def start(cls, codes: NDArray[np.int8]) -> FilterDecisions:
        """The decisions after `exclude`, before any filter."""
        empty = np.full(codes.shape, np.nan, np.float32)
        return cls(codes.copy(), empty, empty.copy())

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Against which candidates no reason speaks; bool."""
        return self.codes == KEPT

    def reject(self, rejection: Rejection) -> None:
        """Give the candidates of a rejection its reason, unless they have one."""
        new = rejection.which & self.kept
        self.codes[new] = CODES[rejection.reason]
        self.values[new] = np.broadcast_to(rejection.values, new.shape)[new]
        self.limits[new] = np.broadcast_to(rejection.limits, new.shape)[new]

    def take_back(self, which: NDArray[np.bool_]) -> None:
        """Let candidates be negatives after all."""
        self.codes[which] = KEPT
        self.values[which] = self.limits[which] = np.nan

    def have(self, reasons: Iterable[Reason]) -> NDArray[np.bool_]:
        """Which candidates were rejected for one of some reasons; bool."""
        return np.isin(self.codes, [CODES[reason] for reason in reasons])

    def take(self, which: NDArray[np.bool_]) -> FilterDecisions:
        """The decisions about the candidates of some queries."""
        return FilterDecisions(self.codes[which], self.values[which], self.limits[which])


def apply_filters(
    filters: Iterable[Filter[Any]],
    candidates: CandidateFeatures,
    decisions: FilterDecisions,
    *,
    may_be_easy: bool = False,
) -> None:
    """Let filters reject candidates in their order; `decisions` is changed.

    Args:
        filters: The filters.
        candidates: What they look at.
        decisions: What was decided so far.
        may_be_easy: Whether candidates pass that are only too far from relevant.
    """
    for one in filters:
        for rejection in one.reject(candidates):
            if not (may_be_easy and rejection.reason.means_too_easy):
                decisions.reject(rejection)


def passing(filters: Iterable[Filter[Any]], candidates: CandidateFeatures) -> NDArray[np.bool_]:
    """Which eligible candidates no filter rejects, if the reasons do not matter; bool."""
    left = candidates.eligible.copy()
    for one in filters:
        for rejection in one.reject(candidates):
            left &= ~rejection.which
    return left
