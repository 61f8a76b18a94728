"""Passages that hold the same words as a positive, or an answer, found in one pass of the corpus.

Words of a text become numbers, a run of words one number; equal runs are equal numbers.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hn_assets.errors import SourceError
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery, ranges
from hn_assets.sources.jsonl import read_objects
from hn_assets.text import normalised

SHINGLE = 5  # words
# runs in more documents are boilerplate: they say nothing of two passages
MOST_HOLDERS = 1000
_WORD = re.compile(r"\w+")


def near_duplicates(
    texts: Callable[[], Iterable[str]], positives: NDArray[np.int64], share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which documents share their shingles with a positive.

    Args:
        texts: gives those of all documents, in the order of their rows; called twice.
        positives: rows of the documents to compare with.
        share: of the shingles of the one that has fewer, in (0, 1].

    Returns:
        DocumentsByQuery of rows: a positive, and a document that is a near-duplicate of it.
    """
    wanted = set(positives.tolist())
    owners: dict[int, list[int]] = {}
    sizes: dict[int, int] = {}
    for row, text in enumerate(texts()):
        if row in wanted:
            shingles = _shingles(text)
            sizes[row] = len(shingles)
            for shingle in shingles:
                owners.setdefault(shingle, []).append(row)
    left: list[int] = []
    right: list[int] = []
    common = {shingle for shingle, rows in owners.items() if len(rows) > MOST_HOLDERS}
    for row, text in enumerate(texts()):
        shingles = _shingles(text)
        shared: dict[int, int] = {}
        for shingle in shingles & owners.keys() - common:
            for positive in owners[shingle]:
                shared[positive] = shared.get(positive, 0) + 1
        for positive, count in shared.items():
            least = share * min(len(shingles), sizes[positive])
            if positive != row and count >= least - 1e-9:  # 0.56 * 25 is more than 14 in floats
                left.append(positive)
                right.append(row)
    return np.array(left, np.int64), np.array(right, np.int64)


def near_duplicates_by_query(
    positives: DocumentsByQuery, near: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> DocumentsByQuery:
    """The near-duplicates of each query's positives."""
    order = np.argsort(near[0], kind="stable")
    known, found = near[0][order], near[1][order]
    first = np.searchsorted(known, positives.documents)
    counts = np.searchsorted(known, positives.documents, side="right") - first
    documents = found[ranges(first, counts)]
    return DocumentsByQuery.build(
        np.repeat(positives.queries(), counts), documents, len(positives.starts) - 1
    )


def read_answers(path: Path) -> dict[str, list[str]]:
    """Answers by query id from a JSONL file of `query_id` and `answers`.

    Raises:
        SourceError: a line has no query_id, or its answers are not a list of texts.
    """
    found: dict[str, list[str]] = {}
    for where, row in read_objects(path):
        query, answers = row.get("query_id"), row.get("answers")
        texts = (
            [text for text in answers if isinstance(text, str)] if isinstance(answers, list) else []
        )
        if query is None or not isinstance(answers, list) or len(texts) < len(answers):
            raise SourceError(
                f"{where}: a line needs query_id and answers (a list of texts), as in "
                f'{{"query_id": "7", "answers": ["Paris"]}}. The file is {path}'
            )
        found.setdefault(str(query), []).extend(texts)
    return found


def documents_with_answers(
    texts: Iterable[str], answers: Mapping[str, list[str]], query_ids: list[str]
) -> DocumentsByQuery:
    """For each query the documents that hold one of its answers, as whole words."""
    cross_query: dict[int, dict[int, list[int]]] = {}
    for row, query in enumerate(query_ids):
        for answer in answers.get(query, []):
            words = _words(answer)
            if len(words):
                by_run = cross_query.setdefault(len(words), {})
                by_run.setdefault(int(_runs(words, len(words))[0]), []).append(row)
    queries: list[int] = []
    documents: list[int] = []
    for row, text in enumerate(texts):
        words = _words(text)
        for length, by_run in cross_query.items():
            for run in set(_runs(words, length).tolist()) & by_run.keys():
                queries += by_run[run]
                documents += [row] * len(by_run[run])
    return DocumentsByQuery.build(
        np.array(queries, np.int64), np.array(documents, np.int64), len(query_ids)
    )


def _shingles(text: str) -> set[int]:
    words = _words(text)
    return set(_runs(words, min(SHINGLE, len(words))).tolist()) if len(words) else set()


def _words(text: str) -> NDArray[np.uint64]:
    return np.array([_number(word) for word in _WORD.findall(normalised(text))], np.uint64)


@lru_cache(maxsize=1_000_000)
def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def _runs(words: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """A number for each run of so many words; none where there are fewer words."""
    count = len(words) - length + 1
    out = np.zeros(max(count, 0), np.uint64)
    for offset in range(length if count > 0 else 0):
        out = out * np.uint64(0x9E3779B97F4A7C15) + words[offset : offset + count]
    return out
