"""Strategies for what may stand in a file, and what a reader may make of it."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hn_assets.errors import HardNegativesError

# text of every kind that UTF-8 can hold, often of the characters that readers treat specially
PIECES = st.sampled_from(
    [
        '"',
        '""',
        ",",
        "\t",
        "\\",
        "\r",
        "\0",
        "\x1c",
        "\x85",
        "\u200b",
        "\u2028",
        "\ufeff",
        "é",
        "🐈",
    ]
)
TEXTS = st.lists(
    PIECES | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=5),
    max_size=4,
).map("".join)
IDS = st.sampled_from(["1", "2", "007", " 7 ", "1E5", "x", "NA", "null"]) | TEXTS
NUMBERS = st.sampled_from([0, 1, -1, 7, 2**31, 2**63, 10**400]) | st.floats() | st.integers()
SCALARS = st.none() | st.booleans() | NUMBERS | IDS | st.sampled_from(["\ud800", "a\udfff"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(IDS, inner, max_size=2),
    max_leaves=4,
)
ABOUT_A_WHOLE_FILE = ("is empty", "no column", "there twice", "cannot be read")
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\n\n", "\n \n"])


def objects(*keys: str, usual: st.SearchStrategy[Any] = IDS) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects that mostly have the keys that are wanted, mostly with values of the right type.

    Args:
        keys: The keys.
        usual: The values of the right type.
    """
    values = dict.fromkeys(keys, usual | usual | usual | usual | usual | VALUES)
    return st.fixed_dictionaries({}, optional=values) | st.fixed_dictionaries(values)


@st.composite
def jsonl(draw: st.DrawFn, rows: st.SearchStrategy[Any]) -> bytes:
    """A JSONL file of objects, which may begin with a byte order mark and have blank lines."""
    lines = draw(st.lists(rows, max_size=5))
    escapes = draw(st.booleans())
    written = [json.dumps(line, ensure_ascii=escapes or _has_surrogate(line)) for line in lines]
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return (mark + "".join(line + draw(LINE_ENDS) for line in written)).encode()


@st.composite
def delimited(draw: st.DrawFn, columns: list[str], delimiter: str) -> bytes:
    """A CSV or TSV file as programs write them, or with the values just put side by side."""
    rows = draw(st.lists(st.lists(IDS, min_size=len(columns), max_size=len(columns)), max_size=5))
    if draw(st.booleans()):
        written = io.StringIO()
        end = draw(st.sampled_from(["\n", "\r\n"]))
        csv.writer(written, delimiter=delimiter, lineterminator=end).writerows([columns, *rows])
        return written.getvalue().encode()
    return "".join(delimiter.join(row) + draw(LINE_ENDS) for row in [columns, *rows]).encode()


@st.composite
def damaged(draw: st.DrawFn, files: st.SearchStrategy[bytes]) -> bytes:
    """A file as it is, cut off, or with some bytes exchanged, lost or added; or any bytes."""
    content = bytearray(draw(files))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(content)))
        kind = draw(st.sampled_from(["insert", "replace", "remove", "cut"]))
        if kind == "cut":
            del content[place:]
        elif kind == "remove":
            del content[place : place + draw(st.integers(1, 4))]
        else:
            end = place if kind == "insert" else place + 1
            content[place:end] = draw(st.binary(min_size=1, max_size=2) | PIECES.map(str.encode))
    return draw(st.sampled_from([bytes(content)] * 9 + [draw(st.binary(max_size=60))]))


def read_or_error(read: Callable[[], Iterable[Any]], path: Path) -> list[Any] | None:
    """What a reader yields, or None if it raises an error that names the file and says where.

    Any other error fails the test.
    """
    try:
        return list(read())
    except HardNegativesError as error:
        said = str(error)
        assert path.name in said, said
        assert "\n" not in said, said
        is_of_whole_file = any(words in said for words in ABOUT_A_WHOLE_FILE)
        assert is_of_whole_file or re.search(
            rf"{re.escape(path.name)}(:\d+|, row|, after)", said
        ), said
        assert len(said) < 1500, said
        return None


def lines_with_content(content: bytes) -> list[bytes]:
    """The lines of a file that are not blank, without a byte order mark."""
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [line for line in lines if line.decode(errors="replace").strip()]


def _has_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
