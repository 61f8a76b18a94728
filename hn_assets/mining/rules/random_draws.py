"""Documents of the whole corpus, drawn at random for each query.

The documents stand on a ring in the order of the hashes of their ids. A draw is a point on the
ring, which seed, query id and the number of the draw give; of the documents that follow the point
it takes the one with the smallest hash of both. So a draw depends on nothing but seed, query id and
a few document ids, and in a changed corpus hardly any draw is another one. The ring is all that is
kept, and the time of a draw hardly grows with the corpus.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.rules.sampling import random_keys

# Documents that one draw chooses from. The distances on the ring are uneven, and the chance of a
# document is the length of as many of them together, over their number.
DOCUMENTS_PER_DRAW = 16
KEYS_AT_ONCE = 1 << 20


class RandomDraws:
    """Draws documents for queries.

    Args:
        document_hashes: From `hash_ids`, of all documents by row; uint64, at least one.
    """

    def __init__(self, document_hashes: NDArray[np.uint64]) -> None:
        self._rows = np.argsort(document_hashes, kind="stable")
        self._hashes = document_hashes[self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def draw(self, query_hashes: NDArray[np.uint64], count: int) -> NDArray[np.int64]:
        """The first `count` draws of some queries; a document can be drawn more than once.

        Args:
            query_hashes: From `hash_ids` with the seed of the documents' hashes; uint64,
                (queries,).
            count: How many draws are wanted.

        Returns:
            Rows of documents; int64, (queries, count).
        """
        parts = list(self._parts(query_hashes, count))
        return np.concatenate(parts) if parts else np.zeros((0, count), np.int64)

    def _parts(self, query_hashes: NDArray[np.uint64], count: int) -> Iterator[NDArray[np.int64]]:
        width = min(DOCUMENTS_PER_DRAW, len(self))
        step = max(1, KEYS_AT_ONCE // (count * width))
        for start in range(0, len(query_hashes), step):
            own = query_hashes[start : start + step]
            points = random_keys(own[:, None], np.arange(count, dtype=np.uint64))
            first = np.searchsorted(self._hashes, points)
            near = (first[:, :, None] + np.arange(width)) % len(self)
            best = random_keys(points[:, :, None], self._hashes[near]).argmin(axis=2)
            yield self._rows[np.take_along_axis(near, best[:, :, None], 2)[:, :, 0]]
