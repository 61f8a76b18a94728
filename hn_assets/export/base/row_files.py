"""Write rows to Parquet and JSON Lines files, a block at a time."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.text import PART_CHARACTERS

# A row group ends at whichever comes first. Without the second limit, long documents would make
# groups of gigabytes.
ROWS_PER_GROUP = 5_000
CHARACTERS_PER_GROUP = 16_000_000
# The buffers of a group with a longer text than others ever have are not kept for the next one.
RELEASED_FROM = 2 * CHARACTERS_PER_GROUP


def write_parquet(path: Path, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows in groups that are bounded by rows and by characters.

    Args:
        path: The file to write. Its folder must exist.
        schema: The columns. What a row has beyond them is left out.
        rows: The rows, one mapping each.

    Returns:
        The number of rows.
    """
    count = 0
    block: list[Mapping[str, Any]] = []
    characters = 0
    # Without the smallest and the largest text of each group, which are copies nobody looks for.
    with pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False) as writer:
        for row in rows:
            block.append(row)
            characters += _count_characters(row)
            count += 1
            if len(block) == ROWS_PER_GROUP or characters >= CHARACTERS_PER_GROUP:
                writer.write_table(pa.Table.from_pylist(block, schema=schema))
                if characters > RELEASED_FROM:
                    pa.default_memory_pool().release_unused()
                block, characters = [], 0
        if block:
            writer.write_table(pa.Table.from_pylist(block, schema=schema))
    return count


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write each row as a JSON object on a line of its own, in UTF-8.

    Returns:
        The number of rows.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            if _count_characters(row) > RELEASED_FROM:  # piece by piece, which is slower
                for part in json.JSONEncoder(ensure_ascii=False).iterencode(row):
                    for start in range(0, len(part), PART_CHARACTERS):
                        file.write(part[start : start + PART_CHARACTERS])
                file.write("\n")
            else:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def _count_characters(row: Mapping[str, Any]) -> int:
    total = 0
    for value in row.values():
        if isinstance(value, str):
            total += len(value)
        elif isinstance(value, list):
            total += sum(len(item) for item in value if isinstance(item, str))
    return total
