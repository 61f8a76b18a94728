"""A Parquet file of which one group of rows is damaged, so that reading it is seen."""

from pathlib import Path

import pyarrow.parquet as pq


def damage_group(path: Path, target: Path, group: int, column: int) -> Path:
    """A copy of a file at `target`, whose column has nothing but zeros in one group of rows."""
    content = bytearray(path.read_bytes())
    chunk: pq.ColumnChunkMetaData = pq.read_metadata(path).row_group(group).column(column)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start : start + chunk.total_compressed_size] = bytes(chunk.total_compressed_size)
    target.write_bytes(content)
    return target
