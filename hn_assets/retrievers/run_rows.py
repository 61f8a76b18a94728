"""Read the rows of a run: a TREC run file, or a table of query, document and score."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
from numpy.typing import NDArray

from hn_assets.errors import RetrieverError
from hn_assets.sources.csv_rows import read_csv_rows
from hn_assets.sources.data_files import read_batches
from hn_assets.sources.jsonl import decode_line, line_blocks
from hn_assets.text import shorten

COLUMNS = ("query_id", "doc_id", "score")
_ROWS_AT_ONCE = 1 << 16
_TREC_COLUMNS = ["query_id", "q0", "doc_id", "rank", "score", "tag"]
_TREC = "query, Q0, document, rank, score and tag, with white space between them"

# what separates the fields of a line beside a space, and what does so in texts that are no ASCII
_TO_SPACE = bytes.maketrans(b"\t\r\x0b\x0c\x1c\x1d\x1e\x1f", b" " * 8)
_OTHER_SPACE = re.compile(r"[^\S\x00-\x7f]")
_SPACES = re.compile(rb"  +")


class RunRows(NamedTuple):
    """Some rows of a run, in the order of the file.

    Attributes:
        query_ids: Texts.
        doc_ids: Texts.
        scores: As a ranking keeps them, finite.
        numbers: The line or the row of the file, from 1.
    """

    query_ids: pa.Array
    doc_ids: pa.Array
    scores: NDArray[np.float32]
    numbers: NDArray[np.int64]


def is_table(path: Path) -> bool:
    """Whether a file is read as a table, by the end of its name; all others are TREC run files."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] in ([".gz"], [".zst"]):
        return suffixes[-2:-1] in ([".csv"], [".tsv"])
    return suffixes[-1:] in ([".csv"], [".tsv"], [".parquet"], [".arrow"])


def place_of(path: Path, number: int) -> str:
    """A line or row of a run, as error messages name it."""
    if path.suffix.lower() in (".parquet", ".arrow"):
        return f"{path}, row {number}"
    return f"{path}:{number}"


def read_run(path: Path) -> Iterator[RunRows]:
    """Read a run, of which only some rows are in memory.

    Args:
        path: A TREC run file, which may be compressed (.gz, .zst); or a table with the columns
            `query_id`, `doc_id` and `score`, whose name ends in .parquet, .arrow, .csv or .tsv.

    Raises:
        SourceError: The file cannot be read, or lacks a column.
        RetrieverError: A line does not have six fields, or a score is no finite number.
    """
    if not is_table(path):
        return _read_trec(path)
    if path.suffix.lower() in (".parquet", ".arrow"):
        return _read_arrow(path)
    return _read_csv(path)


def _read_trec(path: Path) -> Iterator[RunRows]:
    for first, block in line_blocks(path):
        # what is odd about a block, such as an empty line, is looked at line by line
        yield from _parse_trec(path, first, block) or _read_trec_lines(path, first, block)


def _parse_trec(path: Path, first: int, block: bytes) -> list[RunRows]:
    """The rows of some lines, read by Arrow; none if that is not sure to be right.

    Args:
        path: The file.
        first: The number of the first line.
        block: Whole lines.
    """
    if not block.isascii():
        try:
            text = block.decode("utf-8")
        except UnicodeDecodeError:
            return []
        if _OTHER_SPACE.search(text):
            return []  # Arrow separates fields at one byte alone
    block = block.translate(_TO_SPACE)
    if b"  " in block:
        block = _SPACES.sub(b" ", block)
    block = block.replace(b" \n", b"\n").replace(b"\n ", b"\n").strip(b" ")
    if block.startswith(b"\n") or b"\n\n" in block:
        return []  # Arrow does not count empty lines
    texts = dict.fromkeys(_TREC_COLUMNS, pa.large_string())
    try:
        table = csv.read_csv(
            pa.BufferReader(block),
            csv.ReadOptions(column_names=_TREC_COLUMNS, block_size=len(block) + 1),
            csv.ParseOptions(delimiter=" ", quote_char=False, double_quote=False),
            csv.ConvertOptions(
                column_types={**texts, "score": pa.float64()},
                include_columns=COLUMNS,
                null_values=[],
            ),
        ).combine_chunks()
    except pa.ArrowInvalid:
        return []
    queries, documents, scores = (table[name].combine_chunks() for name in COLUMNS)
    numbers = np.arange(first, first + len(scores), dtype=np.int64)
    return [RunRows(queries, documents, _as_float32(np.asarray(scores), numbers, path), numbers)]


def _read_trec_lines(path: Path, first: int, block: bytes) -> list[RunRows]:
    rows = []
    for number, raw in enumerate(block.split(b"\n"), start=first):
        fields = decode_line(raw, path, number).split()
        if fields and len(fields) != 6:
            raise RetrieverError(
                f"{path}:{number}: {len(fields)} fields, but a line of a TREC run has six: "
                f"{_TREC}. A table has a name that ends in .parquet, .arrow, .csv or .tsv"
            )
        if fields:
            rows.append((number, fields[0], fields[2], fields[4]))
    return [_rows(path, rows)] if rows else []


def _read_csv(path: Path) -> Iterator[RunRows]:
    separator = "\t" if ".tsv" in path.name.lower() else ","
    rows = read_csv_rows(path, COLUMNS, separator=separator)
    numbered = (
        (int(where.rpartition(":")[2]), *(row[column].strip() for column in COLUMNS))
        for where, row in rows
    )
    for part in _parts(numbered):
        yield _rows(path, part)


def _parts(rows: Iterable[tuple]) -> Iterator[list[tuple]]:
    rows = iter(rows)
    while part := list(islice(rows, _ROWS_AT_ONCE)):
        yield part


def _rows(path: Path, rows: list[tuple[int, str, str, str]]) -> RunRows:
    numbers, queries, documents, scores = zip(*rows, strict=True)
    try:
        # Python reads more as a number than other languages, such as 1_0
        values = np.array([float(text.replace("_", "no")) for text in scores])
    except ValueError:
        number, text = next((number, text) for number, *_, text in rows if not _is_number(text))
        raise RetrieverError(
            f"{path}:{number}: the score {shorten(repr(text), 80)} is no number"
        ) from None
    return RunRows(
        pa.array(queries, pa.large_string()),
        pa.array(documents, pa.large_string()),
        _as_float32(values, np.array(numbers), path),
        np.array(numbers, np.int64),
    )


def _is_number(text: str) -> bool:
    try:
        float(text.replace("_", "no"))
    except ValueError:
        return False
    return True


def _read_arrow(path: Path) -> Iterator[RunRows]:
    read = 0
    for batch in read_batches(path, COLUMNS):
        numbers = np.arange(read + 1, read + 1 + len(batch), dtype=np.int64)
        read += len(batch)
        for name in COLUMNS:
            if batch.column(name).null_count:
                missing = np.flatnonzero(np.asarray(batch.column(name).is_null()))
                raise RetrieverError(
                    f"{path}, row {numbers[missing[0]]}: {name} is missing; every row needs "
                    f"{', '.join(COLUMNS)}"
                )
        score = batch.column("score")
        if not (pa.types.is_floating(score.type) or pa.types.is_integer(score.type)):
            raise RetrieverError(
                f"{path}: the column score holds {score.type}, not numbers; write it as float64"
            )
        yield RunRows(
            as_text(batch.column("query_id"), "query_id", path),
            as_text(batch.column("doc_id"), "doc_id", path),
            _as_float32(np.asarray(score.cast(pa.float64(), safe=False)), numbers, path),
            numbers,
        )


def as_text(column: pa.Array, name: str, path: Path) -> pa.Array:
    """A column of ids as texts; whole numbers become their digits.

    Raises:
        RetrieverError: It holds neither texts nor whole numbers.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not (is_text or pa.types.is_integer(kind) or str(kind) == "string_view"):
        raise RetrieverError(
            f"{path}: the column {name} holds {column.type}, not texts or whole numbers; write it "
            f"as text"
        )
    return pc.cast(pc.cast(column, kind), pa.large_string())


def _as_float32(
    scores: NDArray[np.float64], numbers: NDArray[np.int64], path: Path
) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        rounded = scores.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(rounded))
    if len(wrong):
        raise RetrieverError(
            f"{place_of(path, int(numbers[wrong[0]]))}: the score {scores[wrong[0]]} cannot be "
            f"ranked: every score has to be a finite number that float32 can hold"
        )
    return rounded
