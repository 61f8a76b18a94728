"""Read the rows of a data file by the end of its name: Parquet, Arrow, CSV, TSV or JSONL."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.errors import SourceError
from hn_assets.sources.csv_rows import read_csv_rows
from hn_assets.sources.jsonl import read_objects
from hn_assets.sources.read_fields import check_columns
from hn_assets.store.parquet_batches import parquet_batches

_ARROW_FILE = b"ARROW1"  # Arrow's file format begins with it
_ARROW_END = b"\xff\xff\xff\xff\0\0\0\0"  # of a stream that was written to its end


def read_data_file(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    *,
    line_breaks: bool = False,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a file, each after its place `name:line` or `name, row`.

    Args:
        path: A file whose name ends in .parquet, .arrow, .csv, .tsv, .jsonl or .json; the latter
            four may be compressed, with .gz or .zst behind it.
        required: Columns that have to be there.
        optional: Columns that are read if they are there.
        line_breaks: Whether a value of a CSV file may hold line breaks.

    Raises:
        SourceError: The file cannot be read, is of another kind, or lacks a column.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_compressed = suffixes[-1:] in ([".gz"], [".zst"])
    suffix = "".join(suffixes[-2:-1] if is_compressed else suffixes[-1:])
    if suffix in (".parquet", ".arrow") and not is_compressed:
        yield from _read_batches(path, required, optional)
    elif suffix in (".csv", ".tsv"):
        yield from read_csv_rows(
            path,
            required,
            separator="\t" if suffix == ".tsv" else ",",
            line_breaks=line_breaks,
            remedy="set source.line_breaks to true",
        )
    elif suffix in (".jsonl", ".json"):
        for where, row in read_objects(path):
            check_columns(required, list(row), where)
            yield where, row
    else:
        raise SourceError(
            f"{path}: files of this kind cannot be read; .parquet, .arrow, .csv, .tsv, .jsonl and "
            f".json with an object per line can, the latter four also with .gz or .zst behind it. "
            f"Write the rows into one of these"
        )


def _read_batches(
    path: Path, required: Sequence[str], optional: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a Parquet or Arrow file."""
    number = 0
    for batch in read_batches(path, required, optional):
        for row in batch.to_pylist():
            number += 1
            yield f"{path.name}, row {number}", row


def read_batches(
    path: Path, required: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet or Arrow file as Arrow has them.

    Args:
        path: A file whose name ends in .parquet, or else of one of Arrow's two formats.
        required: Columns that have to be there.
        optional: Columns that are read if they are there.

    Raises:
        SourceError: The file cannot be read, is of another kind, or lacks a column.
    """
    number = 0
    try:
        with ExitStack() as opened:
            names, batches = (
                _open_parquet(path, opened)
                if path.suffix.lower() == ".parquet"
                else _open_arrow(path, opened)
            )
            wanted = [*required, *(name for name in optional if name in names)]
            check_columns(wanted, names, str(path))
            for batch in batches(wanted):
                # a damaged file may point anywhere
                batch.validate(full=True)
                yield batch
                number += len(batch)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{path}, after row {number}: {reason}") from error


_Batches = Callable[[list[str]], Iterable[pa.RecordBatch]]


def _open_parquet(path: Path, opened: ExitStack) -> tuple[list[str], _Batches]:
    file = opened.enter_context(pq.ParquetFile(path))
    return file.schema_arrow.names, lambda wanted: parquet_batches(file, columns=wanted)


def _open_arrow(path: Path, opened: ExitStack) -> tuple[list[str], _Batches]:
    """Open a file of Arrow's file format or of its stream format, which `datasets` writes."""
    content = opened.enter_context(pa.memory_map(str(path)))
    if content.read(len(_ARROW_FILE)) == _ARROW_FILE:
        content.seek(0)
        file = opened.enter_context(pa.ipc.open_file(content))
        batches = (file.get_batch(number) for number in range(file.num_record_batches))
        return file.schema.names, lambda wanted: (batch.select(wanted) for batch in batches)
    content.seek(max(0, content.size() - len(_ARROW_END)))
    if content.read() != _ARROW_END:
        raise ValueError("the file is damaged or cut off; fetch or write it again")
    content.seek(0)
    stream = opened.enter_context(pa.ipc.open_stream(content))
    return stream.schema.names, lambda wanted: (batch.select(wanted) for batch in stream)
