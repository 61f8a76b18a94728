"""The ids of all documents as a set that takes a tenth of the memory of Python's."""

from collections.abc import Iterable, Iterator, Set

from hn_assets.ids import Ids


class DocumentIds(Set[str]):
    """The ids of the documents of a corpus.

    Args:
        ids: The ids, each of which stands there once.

    >>> ids = DocumentIds(Ids(["b", "a"]))
    >>> "a" in ids, ids.among(["a", "c", "a"]), len(ids)
    (True, {'a'}, 2)
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __contains__(self, wanted: object) -> bool:
        return isinstance(wanted, str) and bool(self.among([wanted]))

    def among(self, wanted: Iterable[str]) -> set[str]:
        """Those of the wanted ids that are ids of documents; much quicker than one by one."""
        distinct = sorted(set(wanted))
        rows = self._ids.rows_of(distinct)
        return {one for one, row in zip(distinct, rows.tolist(), strict=True) if row >= 0}
