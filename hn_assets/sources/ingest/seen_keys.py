"""Keys that have been seen, 24 bytes each, in place of Python's dictionary of as many."""

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 16


class SeenKeys:
    """Remembers hashes of `KEY_BYTES` bytes, with a number for each.

    They are kept in runs, each sorted by the first half of its keys. A run is at least twice as
    long as the next.

    >>> seen = SeenKeys()
    >>> seen.add([b"a" * 16, b"b" * 16], [1, 2])
    >>> seen.find([b"b" * 16, b"c" * 16])
    [2, None]
    """

    def __init__(self) -> None:
        # Of each run, the two halves of the keys, and the numbers.
        self._runs: list[tuple[NDArray[np.uint64], ...]] = []

    def find(self, keys: list[bytes]) -> list[int | None]:
        """The number of each key; None if it has not been seen."""
        halves = _halves(keys)
        found: list[int | None] = [None] * len(keys)
        for first, second, numbers in self._runs:
            places = np.minimum(np.searchsorted(first, halves[:, 0]), len(first) - 1)
            for row in np.flatnonzero(first[places] == halves[:, 0]).tolist():
                # Hardly ever more than one key has the same first half.
                place = int(places[row])
                while place < len(first) and first[place] == halves[row, 0]:
                    if second[place] == halves[row, 1]:
                        found[row] = int(numbers[place])
                    place += 1
        return found

    def add(self, keys: list[bytes], numbers: list[int]) -> None:
        """Remember keys that have not been seen, each once.

        Args:
            keys: The keys.
            numbers: From 0 to 2^64 - 1, one for each.
        """
        if not keys:
            return
        halves = _halves(keys)
        self._runs.append(_sorted(halves[:, 0], halves[:, 1], np.array(numbers, np.uint64)))
        while len(self._runs) > 1 and len(self._runs[-2][0]) < 2 * len(self._runs[-1][0]):
            last = self._runs.pop()
            before = self._runs.pop()
            self._runs.append(_sorted(*map(np.concatenate, zip(before, last, strict=True))))


def _halves(keys: list[bytes]) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(keys), np.uint64).reshape(len(keys), KEY_BYTES // 8)


def _sorted(
    first: NDArray[np.uint64], second: NDArray[np.uint64], numbers: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], ...]:
    order = np.argsort(first, kind="stable")
    return first[order], second[order], numbers[order]
