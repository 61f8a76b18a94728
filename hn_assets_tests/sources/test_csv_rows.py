"""CSV and TSV files, row by row: no row is lost to a quotation mark, and every error is named."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.errors import SourceError
from hn_assets.sources.csv_rows import read_csv_rows


def write(folder: Path, text: str, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def read(path: Path, **options) -> list[tuple[str, str]]:
    options.setdefault("separator", "\t" if path.suffix == ".tsv" else ",")
    return [(row["id"], row["text"]) for _, row in read_csv_rows(path, ["id", "text"], **options)]


def test_a_stray_quotation_mark_is_named_and_loses_no_row(tmp_path: Path) -> None:
    lines = ["id,text", *(f"{n},text {n}" for n in range(48))]
    lines[6], lines[40] = '5,"text 5', '39,"text 39'
    path = write(tmp_path, "\n".join(lines) + "\n")
    with pytest.raises(SourceError, match=r"rows\.csv:7: a quotation mark opens a value .* here"):
        read(path, remedy="look here")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('1,a\n2,"b\n3,c\n', r"rows\.csv:3: the value whose quotation mark opens here"),
        ('1,a\n2,"b\n3,"c"\n', r"rows\.csv:3: the value whose quotation mark opens here"),
        ('1,"a ""b""\nc"\n2,"d\ne",\n3,\n', r"rows\.csv:4: 3 values, but the columns are id, text"),
        ('"1\n",x\n"2\n","b"c\n', r"rows\.csv:5: the value whose quotation mark opens here"),
    ],
)
def test_with_line_breaks_a_value_that_does_not_end_is_named(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        read(write(tmp_path, "id,text\n" + text), line_breaks=True)


def test_with_line_breaks_values_keep_them(tmp_path: Path) -> None:
    path = write(tmp_path, 'id,text\r\n1,"a\r\n""b"""\r\n\r\n2,c\r\n')
    assert read(path, line_breaks=True) == [("1", 'a\r\n"b"'), ("2", "c")]
    places = [where for where, _ in read_csv_rows(path, ["id"], line_breaks=True)]
    assert places == ["rows.csv:2", "rows.csv:5"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"rows\.csv is empty"),
        ("id,text,id\n1,a,2\n", r"rows\.csv:1: the column 'id' is there twice"),
        ("id\n1\n", r"rows\.csv:1: no column text; the columns are id"),
        ("id,text\n1,a\n2\n", r"rows\.csv:3: 1 values"),
        ("id,text\n1,a,b\n", r"rows\.csv:2: 3 values"),
        ('id,text\n1,"a"b\n', r"rows\.csv:2: ',' expected after"),
        ("id,text\r1,a\r2,b\r", r"rows\.csv:1: a carriage return inside the line"),
        ('id,text\n1,"a\r2,b"\n', r"rows\.csv:2: a carriage return inside the line"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read(write(tmp_path, text))


def test_marks_inside_values_rows_without_values_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = '\ufeffid,text\n1,5" wide\n,\n\n2,"a ""b"", c"\n'
    assert read(write(tmp_path, text)) == [("1", '5" wide'), ("2", 'a "b", c')]
    text = 'id\ttext\n1\t"open\n \t\n2\tb "c"\n'
    assert read(write(tmp_path, text, "rows.tsv")) == [("1", '"open'), ("2", 'b "c"')]


VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(st.lists(st.tuples(VALUES, VALUES)), st.booleans())
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], quoted: bool
) -> None:
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
        csv.writer(file, quoting=quoting).writerows([("id", "text"), *rows])
    assert read(path, line_breaks=True) == rows
    one_line = [row for row in rows if not any(c in "\r\n" for value in row for c in value)]
    if len(one_line) == len(rows):
        assert read(path) == rows
