"""Read the rows of a data file by the end of its name: Parquet, CSV, TSV or JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.errors import SourceError
from hn_assets.sources.csv_rows import read_csv_rows
from hn_assets.sources.jsonl import read_objects
from hn_assets.sources.read_fields import check_columns


def read_data_file(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    *,
    line_breaks: bool = False,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a file, each after its place `name:line` or `name, row`.

    Args:
        path: A file whose name ends in .parquet, .csv, .tsv, .jsonl or .json; the latter four may
            be compressed, with .gz behind it.
        required: Columns that have to be there.
        optional: Columns that are read if they are there.
        line_breaks: Whether a value of a CSV file may hold line breaks.

    Raises:
        SourceError: The file cannot be read, is of another kind, or lacks a column.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    suffix = suffixes[-2] if suffixes[-1:] == [".gz"] and suffixes[1:] else "".join(suffixes[-1:])
    if suffix == ".parquet" and suffixes[-1] != ".gz":
        yield from _read_parquet(path, required, optional)
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
            f"{path}: files of this kind cannot be read; .parquet, .csv, .tsv and .jsonl can"
        )


def _read_parquet(
    path: Path, required: Sequence[str], optional: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = [*required, *(name for name in optional if name in names)]
            check_columns(wanted, names, str(path))
            for batch in file.iter_batches(columns=wanted):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path.name}, row {number}", row
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{path}, after row {number}: {reason}") from error
