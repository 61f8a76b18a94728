"""Reject what shares most of its words, in the same order, with a known positive of the query."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hn_assets.filters.base.filter import DocumentFilter, FilterInputs, Reason
from hn_assets.filters.base.word_runs import run_numbers, word_numbers_by_part
from hn_assets.settings_base import Settings

SHINGLE_WORDS = 5
# a shingle that more positives hold is boilerplate: it says nothing of two passages
MAX_POSITIVES_PER_SHINGLE = 1000
# Documents are compared together until as many of their shingles are held by positives.
SHARED_AT_ONCE, DOCUMENTS_AT_ONCE = 4_000_000, 4_096

SHARES_WORD_RUNS = Reason(
    "near-duplicate of a positive", "it shares most of its words with a positive"
)


class NearDuplicatesSettings(Settings):
    """The share of words that makes two passages near-duplicates."""

    changeable_by_runs: ClassVar[tuple[str, ...]] = ("near_duplicate_overlap",)

    near_duplicate_overlap: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description=(
            f"reject what shares at least this part of the shingles ({SHINGLE_WORDS} words each) "
            f"of itself or of a positive, whichever has fewer; 0.8 finds passages that hold one "
            f"another"
        ),
    )


class NearDuplicates(DocumentFilter[NearDuplicatesSettings]):
    """Rejects near-duplicates of known positives."""

    order = 40
    settings_class = NearDuplicatesSettings
    reasons = (SHARES_WORD_RUNS,)

    @property
    def is_active(self) -> bool:
        """Whether an overlap is set."""
        return self.settings.near_duplicate_overlap is not None

    def find(self, inputs: FilterInputs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The near-duplicates of the positives of each query."""
        overlap = self.settings.near_duplicate_overlap
        assert overlap is not None, "the filter is not active"
        positives = inputs.positive_documents
        known, duplicates = near_duplicates(inputs.texts, np.unique(positives), overlap)
        return near_duplicates_by_query(inputs.positive_queries, positives, known, duplicates)


def near_duplicates(
    texts: Callable[[], Iterable[str]], positives: NDArray[np.int64], overlap: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which documents share their shingles with a positive.

    Args:
        texts: Gives the texts of all documents, in the order of their rows; it is called twice.
        positives: The rows of the documents to compare with.
        overlap: The share that is needed of the shingles of the text that has fewer, in (0, 1].

    Returns:
        Rows of positives, and of the document that is a near-duplicate of each; two int64 arrays
        of equal length.
    """
    index = _ShingleIndex(texts(), np.unique(positives), overlap)
    nothing: NDArray[np.int64] = np.zeros(0, np.int64)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = [(nothing, nothing)]
    pending: list[_Shingles] = []
    shared = 0
    for row, text in enumerate(texts()):
        shingles = index.known_shingles(row, text)
        pending.append(shingles)
        shared += shingles.shared
        if shared >= SHARED_AT_ONCE or len(pending) == DOCUMENTS_AT_ONCE:
            found.append(index.find(pending))
            pending, shared = [], 0
    if pending:
        found.append(index.find(pending))
    known, duplicates = (np.concatenate(part) for part in zip(*found, strict=True))
    return known, duplicates


@dataclass(frozen=True)
class _Shingles:
    """The shingles of a document that positives hold, too.

    Attributes:
        row: The row of the document.
        size: How many shingles it has in all.
        places: The places of those that positives hold in the index; int64.
        shared: How many times positives hold them.
    """

    row: int
    size: int
    places: NDArray[np.int64]
    shared: int


class _ShingleIndex:
    """Which positives hold a shingle.

    Args:
        texts: The texts of all documents, in the order of their rows.
        positives: The rows of the positives, in ascending order.
        overlap: The share that is needed.
    """

    def __init__(self, texts: Iterable[str], positives: NDArray[np.int64], overlap: float) -> None:
        from scipy.sparse import csr_array

        wanted = set(positives.tolist())
        shingles = [_shingles(text) for row, text in enumerate(texts) if row in wanted]
        self._overlap = overlap
        self._positives = positives
        self._sizes = np.array([len(part) for part in shingles], np.int64)
        rows_of_positives = np.repeat(np.arange(len(shingles)), self._sizes)
        flat = np.concatenate([np.zeros(0, np.uint64), *shingles])
        del shingles
        self._shingles, place, counts = np.unique(flat, return_inverse=True, return_counts=True)
        counts[counts > MAX_POSITIVES_PER_SHINGLE] = 0
        is_rare = counts[place] > 0
        entries = (
            np.ones(int(is_rare.sum()), np.int32),
            (place[is_rare], rows_of_positives[is_rare]),
        )
        self._counts = counts
        # A row for each shingle, a column for each positive.
        self._held = csr_array(entries, shape=(len(counts), len(positives)))

    def known_shingles(self, row: int, text: str) -> _Shingles:
        """The shingles of a document that positives hold."""
        own = _shingles(text)
        if not len(self._shingles):
            return _Shingles(row, len(own), np.zeros(0, np.int64), 0)
        places = np.minimum(np.searchsorted(self._shingles, own), len(self._shingles) - 1)
        places = places[(self._shingles[places] == own) & (self._counts[places] > 0)]
        return _Shingles(row, len(own), places, int(self._counts[places].sum()))

    def find(self, documents: Sequence[_Shingles]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows of positives, and of the document that is a near-duplicate of each."""
        from scipy.sparse import csr_array

        ends = np.cumsum([0, *(len(one.places) for one in documents)])
        places = np.concatenate([one.places for one in documents])
        ones = np.ones(len(places), np.int32)
        has = csr_array((ones, places, ends), shape=(len(documents), len(self._shingles)))
        product: Any = has @ self._held
        shared = product.tocoo()
        document, positive = shared.coords
        rows = np.array([one.row for one in documents], np.int64)[document]
        sizes = np.array([one.size for one in documents], np.int64)[document]
        needed = self._overlap * np.minimum(sizes, self._sizes[positive])
        # 0.56 * 25 is more than 14 in floats
        found = (shared.data >= needed - 1e-9) & (self._positives[positive] != rows)
        return self._positives[positive[found]], rows[found]


def near_duplicates_by_query(
    queries: NDArray[np.int64],
    positives: NDArray[np.int64],
    known: NDArray[np.int64],
    duplicates: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The near-duplicates of each query's positives.

    Args:
        queries: The query's row of each known positive; int64, (positives,).
        positives: The document's row of each known positive; int64, (positives,).
        known: Rows of positives, from `near_duplicates`.
        duplicates: The near-duplicate of each of them.

    Returns:
        Rows of queries, and of a near-duplicate of one of their positives; two int64 arrays.
    """
    import pandas as pd

    positives_by_query = pd.DataFrame({"query": queries, "positive": positives})
    joined = positives_by_query.merge(
        pd.DataFrame({"positive": known, "duplicate": duplicates}), on="positive"
    )
    return joined["query"].to_numpy(np.int64), joined["duplicate"].to_numpy(np.int64)


def _shingles(text: str) -> NDArray[np.uint64]:
    """The distinct shingles of a text, in ascending order."""
    found: list[NDArray[np.uint64]] = []
    words = np.zeros(0, np.uint64)
    for part in word_numbers_by_part(text):
        # A shingle may begin in the part before.
        words = np.concatenate([words[-(SHINGLE_WORDS - 1) :], part])
        if len(words) >= SHINGLE_WORDS:
            found.append(np.unique(run_numbers(words, SHINGLE_WORDS)))
    if found:
        return found[0] if len(found) == 1 else np.unique(np.concatenate(found))
    return np.unique(run_numbers(words, len(words))) if len(words) else words
