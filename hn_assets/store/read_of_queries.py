"""Read the rows of some queries from a table that holds those of all."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.store.parquet_batches import groups_with


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
    found: list[pa.Table] = []
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names if columns is None else list(columns)
        found.append(pa.schema([file.schema_arrow.field(name) for name in names]).empty_table())
    with pq.ParquetFile(path, read_dictionary=["query_id"]) as file:
        for number, is_wanted in groups_with(file, "query_id", queries):
            group = file.read_row_group(number, names).filter(pa.array(is_wanted))
            found.append(group.cast(found[0].schema))
    return pa.concat_tables(found)
