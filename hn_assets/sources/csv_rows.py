"""Read the rows of CSV and TSV files with their places, so that a stray quotation mark loses none.

In a CSV file, a quotation mark at the start of a value makes all that follows, line ends
included, part of that value until the next mark. A value may therefore not hold a line break
unless the caller allows it.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from hn_assets.errors import SourceError
from hn_assets.sources.jsonl import numbered_lines
from hn_assets.sources.read_fields import check_columns
from hn_assets.text import shorten

MAX_CHARACTERS = 1 << 28  # of a value: an unclosed quotation mark must not fill the memory
_WRITTEN_TWICE = (
    "A quotation mark that belongs to the text is written twice, and its value stands in "
    "quotation marks"
)


def line_breaks_field() -> Any:
    """The setting `source.line_breaks`, of every kind of source that reads CSV files."""
    return Field(
        default=False,
        description=(
            "whether a value of a CSV file, in quotation marks, may hold line breaks; then a stray "
            "mark can make one value of many rows"
        ),
    )


def read_csv_rows(
    path: Path,
    wanted: Sequence[str],
    *,
    separator: str = ",",
    line_breaks: bool = False,
    remedy: str = "remove the line break",
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a CSV or TSV file, each after its place `name:line`.

    Between tabs, a quotation mark is a character like any other, as retrieval data are written.
    Rows without any value are passed over.

    Args:
        path: The file, in UTF-8, whose first row names the columns.
        wanted: Columns that have to be there.
        separator: What stands between two values: a comma, or a tab in a TSV file.
        line_breaks: Whether a value in quotation marks may hold line breaks; in a TSV file none
            may.
        remedy: What the error says to do if a value is meant to hold a line break.

    Yields:
        The line that the row begins at, and the row's values by column.

    Raises:
        SourceError: The file cannot be read, lacks a column or has it twice, or has a row that is
            not valid or has more or fewer values than there are columns.
    """
    columns: list[str] | None = None
    for number, row in _read_rows(path, separator, line_breaks, remedy):
        if not any(map(str.strip, row)):
            continue
        if columns is None:
            columns = row
            check_columns(wanted, columns, f"{path}:{number}")
            continue
        if len(row) != len(columns):
            raise SourceError(
                f"{path}:{number}: {len(row)} values, but the columns are "
                f"{shorten(', '.join(columns), 300)}. A "
                f"value that holds the separator has to stand in quotation marks (in a TSV file "
                f"it cannot)"
            )
        yield f"{path.name}:{number}", dict(zip(columns, row, strict=True))
    if columns is None:
        raise SourceError(f"{path} is empty: its first line has to name the columns")


def _read_rows(
    path: Path, separator: str, line_breaks: bool, remedy: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield every row after the number of its first line."""
    csv.field_size_limit(MAX_CHARACTERS)  # for the whole process: there is no other way
    if line_breaks and separator == ",":
        yield from _read_long_rows(path)
        return
    for number, raw in numbered_lines(path):
        line = raw.rstrip("\r\n")
        if "\r" in line:
            raise SourceError(
                f"{path}:{number}: a carriage return inside the line; lines end in LF or CRLF, and "
                f"if a value is meant to hold a line break, {remedy}"
            )
        if separator == "\t":
            yield number, line.split("\t")
            continue
        try:
            yield number, next(csv.reader([line], strict=True), [])
        except csv.Error as error:
            if "unexpected end" not in str(error):
                raise SourceError(f"{path}:{number}: {error}. {_WRITTEN_TWICE}") from error
            raise SourceError(
                f"{path}:{number}: a quotation mark opens a value that does not end on this line. "
                f"{_WRITTEN_TWICE}; if the value is meant to hold a line break, {remedy}"
            ) from error


def _read_long_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield rows that may be several lines long."""
    reader = csv.reader((line for _, line in numbered_lines(path)), strict=True)
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            number = _line_of_last_opening_mark(path, first, reader.line_num) or reader.line_num
            raise SourceError(
                f"{path}:{number}: the value whose quotation mark opens here ends in a way that "
                f"is not CSV ({error}). {_WRITTEN_TWICE}"
            ) from error
        if row is None:
            return
        yield first, row


def _line_of_last_opening_mark(path: Path, first: int, last: int) -> int | None:
    """The line from `first` to `last` at which the last value in quotation marks begins."""
    opened, inside, at_start, just_closed = None, False, True, False
    for number, line in numbered_lines(path):
        if not first <= number <= last:
            continue
        for character in line:
            if inside:
                inside = character != '"'
                just_closed = not inside
                continue
            # two marks in quotation marks stand for one
            inside = character == '"' and (at_start or just_closed)
            if inside and at_start:
                opened = number
            at_start, just_closed = character in ",\r\n", False
    return opened
