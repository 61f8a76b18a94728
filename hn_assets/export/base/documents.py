"""The texts of the documents that training examples name, as Arrow keeps them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.errors import StoreError
from hn_assets.ids import Ids
from hn_assets.store.parquet_batches import parquet_batches

ROWS_AT_ONCE = 10_000


class DocumentText(NamedTuple):
    """Title and text of a document, as the corpus has them."""

    title: str
    text: str


class Documents:
    """Title and text of some documents of a corpus.

    Args:
        path: The Parquet file of the corpus.
        wanted: The ids of the documents, each of them once.

    Raises:
        StoreError: A wanted document is not in the corpus.
    """

    def __init__(self, path: Path, wanted: pa.Array) -> None:
        self._ids = Ids(pq.read_table(path, columns=["id"])["id"])
        rows = self._ids.rows_of(wanted)
        missing = wanted.filter(pa.array(rows < 0))
        if len(missing):
            raise StoreError(
                f"document {min(missing.to_pylist())!r} and {len(missing) - 1} more are named as "
                f"positives or negatives but are no longer in the corpus; materialize everything "
                f"from corpus on"
            )
        self._rows = np.sort(rows)
        self._texts = _read(path, self._rows)

    def take(self, ids: pa.Array | pa.ChunkedArray) -> list[DocumentText]:
        """Title and text of each of some wanted documents."""
        places = np.searchsorted(self._rows, self._ids.rows_of(ids))
        taken = self._texts.take(pa.array(places))
        columns = (taken[name].to_pylist() for name in DocumentText._fields)
        return list(map(DocumentText, *columns))

    def each(self, ids: pa.Array) -> Iterator[tuple[str, DocumentText]]:
        """Id, title and text of each of some wanted documents; few are in memory as strings."""
        for start in range(0, len(ids), ROWS_AT_ONCE):
            part = ids.slice(start, ROWS_AT_ONCE)
            yield from zip(part.to_pylist(), self.take(part), strict=True)


def _read(path: Path, rows: NDArray[np.int64]) -> pa.Table:
    """Title and text of some rows, which are in ascending order."""
    # the offsets of `string` end at 2 GiB
    schema = pa.schema([(name, pa.large_string()) for name in DocumentText._fields])
    found = [schema.empty_table()]
    first = 0
    with pq.ParquetFile(path) as file:
        for batch in parquet_batches(file, ROWS_AT_ONCE, schema.names):
            here = rows[slice(*np.searchsorted(rows, [first, first + len(batch)]))] - first
            found.append(pa.Table.from_batches([batch.take(pa.array(here))]).cast(schema))
            first += len(batch)
    return pa.concat_tables(found).combine_chunks()
