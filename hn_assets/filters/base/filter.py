"""What a filter is: its settings, its reasons, and what it rejects in a block of candidates.

A new filter is one new file in `kinds`. It needs a class of settings, whose fields become keys of
a section of the YAML file, and a subclass of `Filter`:

    LONG = Reason("too long", "it ranks {value:.0f}th, beyond {limit:.0f}")

    class RankSettings(Settings):
        max_rank: int | None = Field(default=None, description="reject what ranks lower")

    class RankLimit(Filter[RankSettings]):
        order = 70
        settings_class = RankSettings
        reasons = (LONG,)

        @property
        def is_active(self) -> bool:
            return self.settings.max_rank is not None

        def reject(self, candidates: CandidateFeatures) -> Iterator[Rejection]:
            limit = self.settings.max_rank
            if limit is not None:
                yield Rejection(LONG, candidates.place > limit, candidates.place, limit)
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.settings_base import Settings

SettingsT = TypeVar("SettingsT", bound=Settings)


@dataclass(frozen=True)
class Reason:
    """Why a candidate is not a negative.

    Attributes:
        label: What stands in the ledger; no two reasons have the same.
        sentence: The rest of a sentence that begins with "because"; `{value}` is the number that
            was looked at, `{limit}` what it was compared with.
        means_too_easy: Whether it says that a candidate is too far from relevant. That is what a
            document drawn at random is meant to be, so the reason does not count for it.
    """

    label: str
    sentence: str
    means_too_easy: bool = False


@dataclass(frozen=True)
class Rejection:
    """Some candidates that a filter rejects for one reason.

    Attributes:
        reason: The reason.
        which: Which candidates are rejected; bool, (rankings, depth).
        values: The numbers that were looked at; they broadcast to the shape of `which`.
        limits: What they were compared with; they broadcast likewise.
    """

    reason: Reason
    which: NDArray[np.bool_]
    values: NDArray[Any] | float = np.nan
    limits: NDArray[Any] | float = np.nan


@dataclass(frozen=True)
class FilterInputs:
    """What a filter may read of the dataset before it sees candidates.

    Attributes:
        base: The folder that relative paths of the settings start from.
        query_ids: The ids of the queries, by row.
        query_texts: Gives the texts of all queries, in the order of their rows, at each call.
        positive_queries: The query's row of each known positive; int64, (positives,).
        positive_documents: The document's row of each known positive; int64, (positives,).
        texts: Gives the texts of all documents, in the order of their rows, at each call.
    """

    base: Path
    query_ids: Sequence[str]
    query_texts: Callable[[], Iterable[str]]
    positive_queries: NDArray[np.int64]
    positive_documents: NDArray[np.int64]
    texts: Callable[[], Iterable[str]]


class Filter(ABC, Generic[SettingsT]):
    """A rule that rejects candidates, with the values of its settings.

    Attributes:
        order: The place among the filters of its section, lowest first. The first filter that
            rejects a candidate gives the reason.
        section: The section of the YAML file that the settings stand in. Filters of `teacher` look
            only at candidates within the mining range.
        measured_by_holdout: Whether hiding known positives can show what the filter does. It
            cannot if the filter needs texts, or the teacher's scores, of all candidates.
        settings_class: The settings; their fields are keys of the section.
        reasons: Every reason that the filter gives, in the order in which it gives them.
    """

    order: ClassVar[int]
    section: ClassVar[Literal["filters", "teacher"]] = "filters"
    measured_by_holdout: ClassVar[bool] = True
    settings_class: ClassVar[type[Settings]]
    reasons: ClassVar[tuple[Reason, ...]]

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings

    @property
    @abstractmethod
    def is_active(self) -> bool:
        """Whether the settings let the filter reject anything."""

    @abstractmethod
    def reject(self, candidates: CandidateFeatures) -> Iterator[Rejection]:
        """What the filter rejects; a candidate keeps the first reason that it is given."""

    def prepare(self, inputs: FilterInputs) -> None:
        """Read what the filter needs of the dataset, once, before any candidates are judged."""

    def external_files(self, base: Path) -> list[Path]:
        """The files outside the store that the filter reads, for relative paths from `base`."""
        return []


class DocumentFilter(Filter[SettingsT]):
    """A filter that knows which documents to reject for a query before it sees candidates.

    It has one reason, and passes candidates that were judged not relevant.
    """

    measured_by_holdout = False
    _known: NDArray[np.int64] | None = None

    @abstractmethod
    def find(self, inputs: FilterInputs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of queries, and of the document to reject for each; two int64 of equal length."""

    def prepare(self, inputs: FilterInputs) -> None:
        """Find the documents to reject."""
        queries, documents = self.find(inputs)
        self._width = int(documents.max(initial=0)) + 1
        self._known = np.unique(queries * self._width + documents)

    def reject(self, candidates: CandidateFeatures) -> Iterator[Rejection]:
        """The documents that `find` named."""
        if self._known is None:
            raise RuntimeError(f"{type(self).__name__}.prepare was not called")
        documents = candidates.documents
        keys = candidates.queries[:, None] * self._width + documents
        named = (documents >= 0) & (documents < self._width) & np.isin(keys, self._known)
        (reason,) = self.reasons
        yield Rejection(reason, named & ~candidates.judged_irrelevant)
