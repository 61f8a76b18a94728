"""Write rows as a Parquet file, a group of rows at a time."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

# A group of rows ends at whichever comes first.
ROWS_PER_GROUP = 10_000
CHARACTERS_PER_GROUP = 1 << 25
TEXTS = ("title", "text")


def write_rows(path: Path, schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows to a Parquet file; only a group of them is in memory at once.

    Args:
        path: The file, which is replaced if it exists.
        schema: The columns.
        rows: A value, or None, by column, for each row.
    """
    # The smallest and the largest text of a group are copies that nobody looks for.
    statistics: Any = [name for name in schema.names if name not in TEXTS]
    with pq.ParquetWriter(path, schema, compression="zstd", write_statistics=statistics) as writer:
        for block in _groups(rows):
            writer.write_table(pa.Table.from_pylist(block, schema=schema))


def _groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    characters = 0
    for row in rows:
        size = sum(len(value) for value in row.values() if isinstance(value, str))
        # A long text stands alone, so that others need not be held beside its copies.
        if group and (len(group) == ROWS_PER_GROUP or characters + size > CHARACTERS_PER_GROUP):
            yield group
            group, characters = [], 0
        group.append(row)
        characters += size
    if group:
        yield group
