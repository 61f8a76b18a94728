"""Check the fields of a raw record, ids, texts and grades, and the columns of a table."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from hn_assets.errors import SourceError
from hn_assets.text import has_text, shorten

# Python refuses to write integers of more than 4300 digits
_TOO_LARGE = 10**1000
_GRADE = re.compile(r"\s*[+-]?[0-9]+(\.0*)?\s*")


def read_id(value: Any, what: str, where: str) -> str:
    """An id as text, without white space around it. A whole number becomes its decimal digits.

    Args:
        value: The value as it stands in the raw data.
        what: What the error message calls the field.
        where: The place in the raw data.

    Raises:
        SourceError: The value is missing, is blank, or is neither text nor a whole number.
    """
    if isinstance(value, str) and has_text(value):
        return read_text(value, what, where).strip()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _TOO_LARGE:
        return str(value)
    problem = "is missing" if value is None else f"is {_shown(value)}, not text or a whole number"
    raise SourceError(f"{where}: the {what} {problem}")


def read_text(value: Any, what: str, where: str) -> str:
    """A text, which may be empty.

    Args:
        value: The value as it stands in the raw data.
        what: What the error message calls the field.
        where: The place in the raw data.

    Raises:
        SourceError: The value is missing or is not text.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:  # JSON can escape it, but no UTF-8 file can hold it
            raise SourceError(
                f"{where}: the {what} holds half a character (a lone surrogate)"
            ) from error
        return value
    problem = "is missing" if value is None else f"is {_shown(value)}, not text"
    raise SourceError(f"{where}: the {what} {problem}")


def read_optional_text(value: Any, what: str, where: str) -> str:
    """A text, or "" if the value is missing.

    Args:
        value: The value as it stands in the raw data.
        what: What the error message calls the field.
        where: The place in the raw data.

    Raises:
        SourceError: The value is there, and is not text.
    """
    return "" if value is None else read_text(value, what, where)


def read_score(value: Any, where: str) -> int:
    """A graded judgement as a whole number of at most 32 bits.

    Args:
        value: A number, or text that says one.
        where: The place in the raw data.

    Raises:
        SourceError: The value is not a whole number, or is too large.
    """
    try:
        if isinstance(value, str) and not _GRADE.fullmatch(value):
            raise ValueError  # Python reads more as a number than other languages, such as 1_0
        number = float(value)
        if number == int(number) and abs(number) < 2**31:
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise SourceError(
        f"{where}: the score {_shown(value)} is no grade: a whole number such as 0, 1 or 2"
    )


def check_columns(wanted: Iterable[str], found: Sequence[str], where: str) -> None:
    """Check that a table has each of some columns once.

    Args:
        wanted: The names of the columns that are needed.
        found: The names of the columns that are there.
        where: The place in the raw data.

    Raises:
        SourceError: A column is missing, or is there twice.
    """
    missing = [column for column in wanted if column not in found]
    if missing:
        raise SourceError(
            f"{where}: no column {', '.join(missing)}; the columns are "
            f"{shorten(', '.join(found), 300)}"
        )
    for column in wanted:
        if found.count(column) > 1:
            raise SourceError(f"{where}: the column {column!r} is there twice")


def _shown(value: Any) -> str:
    """A value as an error message shows it, cut off if it is long."""
    if isinstance(value, int) and abs(value) >= _TOO_LARGE:
        return "a number of more than 1000 digits"
    return shorten(repr(value), 80)
