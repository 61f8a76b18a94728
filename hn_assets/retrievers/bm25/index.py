"""The index of BM25: for each word, the documents that hold it, with what it counts in them.

It is made of blocks of the corpus and lies in files that are mapped into memory, so that neither
the words of the corpus nor the index need be in memory as a whole. Scores are those of bm25s: what
words count is rounded to float32, and added in the order of the query's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from hn_assets.retrievers.bm25.formulas import Formula
from hn_assets.retrievers.bm25.words import Vocabulary

if TYPE_CHECKING:
    from scipy import sparse

WORDS_AT_ONCE = 1 << 20  # of the corpus: 8 MB for each array of a block
BYTES_PER_HIT = 24  # a document with its score, while a block of queries is multiplied and ranked
MOST_MB = 64  # for a block of queries: with more, no search was faster


@dataclass(frozen=True)
class _Block:
    """Words in documents of a part of the corpus, by word and then by document."""

    words: NDArray[np.int32]
    documents: NDArray[np.int32]
    times: NDArray[np.int32]


class Bm25Index:
    """An index that can be searched; `build` makes one.

    Attributes:
        vocabulary: The words of the corpus.
        documents: How many documents there are.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        documents: int,
        starts: NDArray[np.int64],
        postings: NDArray[np.int32],
        weights: NDArray[np.float32],
        without: NDArray[np.float32],
    ) -> None:
        self.vocabulary = vocabulary
        self.documents = documents
        self._starts = starts
        self._without = without
        from scipy import sparse

        self._matrix = sparse.csr_matrix(
            (weights, postings, starts), shape=(vocabulary.size, documents), copy=False
        )

    @classmethod
    def build(
        cls,
        texts: Iterator[str],
        vocabulary: Vocabulary,
        formula: Formula,
        folder: Path,
        log: Callable[[str], None],
    ) -> Bm25Index:
        """Count the words of all texts and weigh them.

        Args:
            texts: The documents, in the order of their rows.
            vocabulary: An empty one, which fills.
            formula: What a word counts.
            folder: An empty folder for the files of the index, which have to be there as long as it
                is searched.
            log: Takes a line of progress after each block.
        """
        lengths: list[NDArray[np.int64]] = []
        frequencies = np.zeros(0, np.int64)
        paths: list[Path] = []
        for counted, block in _count_words(texts, vocabulary, lengths):
            frequencies = _add(frequencies, np.bincount(block.words, minlength=vocabulary.size))
            paths.append(folder / f"block-{len(paths)}.npz")
            np.savez(paths[-1], words=block.words, documents=block.documents, times=block.times)
            log(f"counted the words of {counted:,} documents")
        length = np.concatenate(lengths) if lengths else np.zeros(0, np.int64)
        frequencies = _add(frequencies, np.zeros(vocabulary.size, np.int64))
        idf = formula.word_weights(frequencies, len(length))
        without = formula.without_word(idf)
        idf = idf.astype(np.float32)
        starts = np.concatenate(([0], np.cumsum(frequencies)))
        postings, weights = _map_files(folder, int(starts[-1]))
        mean = float(length.mean()) if len(length) else 0.0
        place = starts[:-1].copy()
        for path in paths:
            with np.load(path) as file:
                block = _Block(file["words"], file["documents"], file["times"])
            path.unlink()
            runs = np.bincount(block.words, minlength=vocabulary.size)
            first = np.cumsum(runs) - runs
            to = place[block.words] + np.arange(len(block.words)) - first[block.words]
            place += runs
            postings[to] = block.documents
            counts = formula.in_document(
                block.times.astype(np.float32), length[block.documents].astype(np.float64), mean
            )
            weights[to] = idf[block.words] * counts - without[block.words]
        return cls(vocabulary, len(length), starts, postings, weights, without)

    def search(
        self, queries: Sequence[str], memory_mb: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Every document that holds a word of a query, with its score, for one query after another.

        Args:
            queries: Their texts.
            memory_mb: About how many MiB may be taken at once; more than `MOST_MB` never are.

        Yields:
            Rows of documents, in no order, and their scores; a document of score 0 is left out.
        """
        from scipy import sparse

        words = [self.vocabulary.look_up(text) for text in queries]
        lists = np.diff(self._starts)
        hits = [int(lists[of_query].sum()) for of_query in words]
        for first, end in _cut(hits, (min(memory_mb, MOST_MB) << 20) // BYTES_PER_HIT):
            ends = np.cumsum([0, *map(len, words[first:end])])
            asked = np.concatenate(words[first:end])
            matrix = sparse.csr_matrix(
                (np.ones(len(asked), np.float32), asked, ends),
                shape=(end - first, self.vocabulary.size),
            )
            found = cast("sparse.csr_matrix", matrix @ self._matrix)
            for query in range(first, end):
                of_query = slice(found.indptr[query - first], found.indptr[query - first + 1])
                scores = found.data[of_query]
                is_found = scores > 0
                rows = found.indices[of_query][is_found].astype(np.int64)
                yield rows, scores[is_found] + self._without[words[query]].sum()


def _count_words(
    texts: Iterator[str], vocabulary: Vocabulary, lengths: list[NDArray[np.int64]]
) -> Iterator[tuple[int, _Block]]:
    """Yield blocks, each after how many documents were counted; `lengths` gets their lengths."""
    first, size, block = 0, 0, []
    for text in texts:
        block.append(vocabulary.count(text))
        size += len(block[-1])
        if size >= WORDS_AT_ONCE:
            lengths.append(np.array([len(words) for words in block], np.int64))
            yield first + len(block), _count(block, first, vocabulary.size)
            first, size, block = first + len(block), 0, []
    if block:
        lengths.append(np.array([len(words) for words in block], np.int64))
        yield first + len(block), _count(block, first, vocabulary.size)


def _count(block: list[NDArray[np.int32]], first: int, size: int) -> _Block:
    documents = np.repeat(np.arange(len(block)), [len(words) for words in block])
    keys = np.concatenate(block).astype(np.int64) * len(block) + documents
    found, times = np.unique(keys, return_counts=True)
    return _Block(
        (found // len(block)).astype(np.int32),
        (found % len(block) + first).astype(np.int32),
        times.astype(np.int32),
    )


def _add(counts: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
    """Both together; `more` is at least as long."""
    total = more.astype(np.int64)
    total[: len(counts)] += counts
    return total


def _map_files(folder: Path, size: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    if not size:  # an empty file cannot be mapped
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    return (
        np.lib.format.open_memmap(folder / "postings.npy", "w+", np.int32, (size,)),
        np.lib.format.open_memmap(folder / "weights.npy", "w+", np.float32, (size,)),
    )


def _cut(sizes: list[int], most: int) -> Iterator[tuple[int, int]]:
    """Parts of a list, one after another, with at most so much in each, or one that is larger.

    >>> list(_cut([3, 4, 9, 1], 8))
    [(0, 2), (2, 3), (3, 4)]
    """
    first, total = 0, 0
    for place, size in enumerate(sizes):
        if place > first and total + size > most:
            yield first, place
            first, total = place, 0
        total += size
    if sizes:
        yield first, len(sizes)
