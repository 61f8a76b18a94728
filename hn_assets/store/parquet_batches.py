"""Read a Parquet file in batches, in memory that does not grow with the file."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_AT_ONCE = 65_536


def parquet_batches(
    file: pq.ParquetFile,
    rows: int = ROWS_AT_ONCE,
    columns: Sequence[str] | None = None,
    groups: Iterable[int] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of a file; a batch is of one group of rows.

    Each group is read by itself: of several that are read together, Arrow keeps the bytes of all
    until the last batch was taken, so that in the end the whole file is in memory.

    Args:
        file: The file, which stays open.
        rows: How many rows a batch has at most.
        columns: The columns to read; all if it is None.
        groups: The groups to read; all if it is None.
    """
    names = None if columns is None else list(columns)
    for number in range(file.num_row_groups) if groups is None else groups:
        yield from file.iter_batches(rows, [number], names)
