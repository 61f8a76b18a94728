"""Read the rows of some queries from a table that holds those of all."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def read_of_queries(
    path: Path, queries: Iterable[str], columns: Sequence[str] | None = None
) -> pa.Table:
    """The rows of some queries, in the order of the file.

    One group of rows is in memory at a time, and those without such a row are not read.

    Args:
        path: A Parquet file with the column query_id.
        queries: The ids of the queries.
        columns: The columns to read; all if it is None.
    """
    options = pc.SetLookupOptions(value_set=pa.array(queries, pa.string()))
    found: list[pa.Table] = []
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names if columns is None else list(columns)
        found.append(pa.schema([file.schema_arrow.field(name) for name in names]).empty_table())
    with pq.ParquetFile(path, read_dictionary=["query_id"]) as file:
        for number in range(file.num_row_groups):
            is_wanted = _are_of(file.read_row_group(number, ["query_id"])["query_id"], options)
            if is_wanted.any():
                group = file.read_row_group(number, names).filter(pa.array(is_wanted))
                found.append(group.cast(found[0].schema))
    return pa.concat_tables(found)


def _are_of(queries: pa.ChunkedArray, options: pc.SetLookupOptions) -> np.ndarray:
    """Whether each row is of a query that is looked for; bool."""
    parts = [np.zeros(0, bool)]
    for chunk in queries.chunks:
        is_wanted = pc.call_function("is_in", [chunk.dictionary.cast(pa.string())], options)
        parts.append(is_wanted.to_numpy(zero_copy_only=False)[chunk.indices.to_numpy()])
    return np.concatenate(parts)
