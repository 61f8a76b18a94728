"""Read a Parquet file in batches, in memory that does not grow with the file."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.ids import Ids

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


def groups_with(
    file: pq.ParquetFile, column: str, values: Iterable[str]
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """The groups of rows that hold one of some values, and which of their rows do.

    Args:
        file: The file, of which nothing but the column is read.
        column: A column of texts.
        values: What is looked for.
    """
    wanted = Ids(dict.fromkeys(values))
    for number in range(file.num_row_groups):
        chunks = file.read_row_group(number, [column])[column].chunks
        is_wanted = np.concatenate([np.zeros(0, bool), *(wanted.rows_of(c) >= 0 for c in chunks)])
        if is_wanted.any():
            yield number, is_wanted
