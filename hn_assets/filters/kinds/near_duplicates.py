"""Reject what shares most of its words, in the same order, with a known positive of the query."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hn_assets.filters.base.filter import DocumentFilter, FilterInputs, Reason
from hn_assets.filters.base.word_runs import run_numbers, word_numbers
from hn_assets.settings_base import Settings

SHINGLE_WORDS = 5
# a shingle that more positives hold is boilerplate: it says nothing of two passages
MAX_POSITIVES_PER_SHINGLE = 1000

SHARES_WORD_RUNS = Reason(
    "near-duplicate of a positive", "it shares most of its words with a positive"
)


class NearDuplicatesSettings(Settings):
    """The share of words that makes two passages near-duplicates."""

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
    wanted = set(positives.tolist())
    positives_of: dict[int, list[int]] = {}
    sizes: dict[int, int] = {}
    for row, text in enumerate(texts()):
        if row in wanted:
            shingles = _shingles(text)
            sizes[row] = len(shingles)
            for shingle in shingles:
                positives_of.setdefault(shingle, []).append(row)
    known: list[int] = []
    duplicates: list[int] = []
    rare = {s for s, rows in positives_of.items() if len(rows) <= MAX_POSITIVES_PER_SHINGLE}
    for row, text in enumerate(texts()):
        shingles = _shingles(text)
        shared: dict[int, int] = {}
        for shingle in shingles & rare:
            for positive in positives_of[shingle]:
                shared[positive] = shared.get(positive, 0) + 1
        for positive, count in shared.items():
            needed = overlap * min(len(shingles), sizes[positive])
            if positive != row and count >= needed - 1e-9:  # 0.56 * 25 is more than 14 in floats
                known.append(positive)
                duplicates.append(row)
    return np.array(known, np.int64), np.array(duplicates, np.int64)


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


def _shingles(text: str) -> set[int]:
    words = word_numbers(text)
    return set(run_numbers(words, min(SHINGLE_WORDS, len(words))).tolist()) if len(words) else set()
