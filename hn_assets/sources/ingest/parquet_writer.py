"""Write rows as a Parquet file, a group of rows at a time."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_PER_GROUP = 10_000


def write_rows(path: Path, schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows to a Parquet file; at most `ROWS_PER_GROUP` of them are in memory at once.

    Args:
        path: The file, which is replaced if it exists.
        schema: The columns.
        rows: A value, or None, by column, for each row.
    """
    rows = iter(rows)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while block := list(islice(rows, ROWS_PER_GROUP)):
            writer.write_table(pa.Table.from_pylist(block, schema=schema))
