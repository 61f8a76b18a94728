"""The ids of many texts, as Arrow keeps them: a tenth of the memory of as many Python strings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

IDS_AT_ONCE = 65_536  # that are Python's strings at the same time
_HASH_KEYS = ("hn_assets ids 00", "hn_assets ids 01", "hn_assets ids 02", "hn_assets ids 03")


class Ids(Sequence[str]):
    """Ids by row: a sequence of strings that can be looked up by row and by id.

    Args:
        ids: The ids, of any type of text if Arrow has them.

    Attributes:
        column: The ids; `large_string`, as the offsets of `string` end at 2 GiB.

    >>> ids = Ids(["b", "c", "a"])
    >>> ids[1], ids.rows_of(pa.array(["a", "d"])).tolist(), ids.places().tolist()
    ('c', [2, -1], [1, 2, 0])
    """

    def __init__(self, ids: Iterable[str] | pa.Array | pa.ChunkedArray) -> None:
        if isinstance(ids, Ids):
            self.column: pa.LargeStringArray = ids.column
            return
        self.column = _as_column(ids)

    def __reduce__(self) -> tuple[Any, ...]:  # without what is computed for look-ups
        return Ids, (self.column,)

    def __len__(self) -> int:
        return len(self.column)

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> list[str]: ...

    def __getitem__(self, row: int | slice) -> str | list[str]:
        found = self.column[row]
        return found.to_pylist() if isinstance(row, slice) else found.as_py()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), IDS_AT_ONCE):
            yield from self.column.slice(start, IDS_AT_ONCE).to_pylist()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Ids):
            return self.column.equals(other.column)
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: NDArray[np.integer] | pa.Array) -> pa.StringArray:
        """The ids of some rows, none of which is below 0; of type `string`."""
        return self.column.take(rows if isinstance(rows, pa.Array) else pa.array(rows)).cast(
            pa.string()
        )

    def select(self, rows: NDArray[np.integer]) -> Ids:
        """Some of the ids, in the order of `rows`."""
        return Ids(self.column.take(pa.array(rows)))

    def places(self) -> NDArray[np.int64]:
        """The place of each id among all ids in order; int64, (ids,).

        The order is that of code points, as of Python's strings: UTF-8 keeps it.
        """
        by_id = np.asarray(pc.call_function("sort_indices", [self.column])).astype(np.int64)
        place = np.empty(len(by_id), np.int64)
        place[by_id] = np.arange(len(by_id))
        return place

    def rows_of(self, wanted: Iterable[str] | pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
        """The row of each wanted id, -1 if it is not there; int64, (wanted,).

        Of a column with a dictionary, each id is looked up once.

        Raises:
            ValueError: An id stands in two rows.
        """
        if isinstance(wanted, pa.DictionaryArray):
            column: Any = wanted
            if len(column) < len(column.dictionary):  # some rows of a table with many other ids
                return self.rows_of(column.dictionary.take(column.indices))
            return self.rows_of(column.dictionary)[column.indices.to_numpy()]
        looked_up = _as_column(wanted)
        hash_key, hashes, rows = self._by_hash
        if not len(rows):
            return np.full(len(looked_up), -1, np.int64)
        wanted_hashes = _hashes(looked_up, hash_key)
        order = np.argsort(wanted_hashes)  # so that look-ups that follow one another fall close
        place = np.empty(len(order), np.int64)
        place[order] = np.searchsorted(hashes, wanted_hashes[order])
        found = rows[np.minimum(place, len(rows) - 1)].astype(np.int64)
        is_same = pc.call_function("equal", [self.column.take(pa.array(found)), looked_up])
        return np.where(is_same.to_numpy(zero_copy_only=False), found, -1)

    @cached_property
    def _by_hash(self) -> tuple[str, NDArray[np.uint64], NDArray[np.integer]]:
        """The hashes in ascending order with the row of each, and what they were made with."""
        for hash_key in _HASH_KEYS:
            hashes = _hashes(self.column, hash_key)
            order = np.argsort(hashes, kind="stable").astype(np.min_scalar_type(len(hashes)))
            hashes = hashes[order]
            again = np.flatnonzero(hashes[1:] == hashes[:-1])
            if not len(again):
                return hash_key, hashes, order
            twice = {self[int(order[again[0]])], self[int(order[again[0] + 1])]}
            if len(twice) == 1:
                raise ValueError(f"the id {twice.pop()!r} stands in two rows")
        raise ValueError("no hash tells the ids apart")  # of 64 bits each: it does not happen


def _as_column(ids: Any) -> pa.LargeStringArray:
    if isinstance(ids, pa.ChunkedArray):
        return ids.cast(pa.large_string()).combine_chunks()
    if isinstance(ids, pa.Array):
        return ids.cast(pa.large_string())
    return pa.array(ids, pa.large_string())


def _hashes(column: pa.LargeStringArray, hash_key: str) -> NDArray[np.uint64]:
    from pandas.util import hash_array

    out = np.empty(len(column), np.uint64)
    for start in range(0, len(column), IDS_AT_ONCE):
        part = column.slice(start, IDS_AT_ONCE).to_numpy(zero_copy_only=False)
        out[start : start + len(part)] = hash_array(part, hash_key=hash_key, categorize=False)
    return out
