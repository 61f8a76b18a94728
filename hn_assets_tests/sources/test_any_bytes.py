"""Whatever bytes a file holds, its rows are read as they are meant, or one error names the place.

An error names the file and, unless it is about the file as a whole, the line or row. No row is
lost: there are as many records as lines.
"""

import csv
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hn_assets.filters.kinds.answers import read_answers
from hn_assets.sources.kinds.beir import BeirFolder
from hn_assets.sources.kinds.flagembedding import FlagEmbeddingSettings
from hn_assets.sources.kinds.table import TableSettings
from hn_assets.sources.reviewed_labels import read_reviewed_labels
from hn_assets.text import text_id
from hn_assets_tests.any_bytes import (
    IDS,
    TEXTS,
    VALUES,
    damaged,
    delimited,
    jsonl,
    lines_with_content,
    objects,
    read_or_error,
)

reads_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def is_text(value: Any) -> bool:
    """Whether a value is text that a UTF-8 file can hold."""
    return isinstance(value, str) and not any(unicodedata.category(c) == "Cs" for c in value)


def id_of(value: Any) -> str | None:
    """The id that a value stands for."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str) or not is_text(value):
        return None
    visible = any(unicodedata.category(c) not in ("Cc", "Cf") and not c.isspace() for c in value)
    return value.strip() if visible else None


def parsed(content: bytes) -> list[Any] | None:
    """The lines of a JSONL file, or None if one is not JSON in UTF-8 or has a key twice."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(found)) < len(found):
            raise ValueError
        return dict(found)

    try:
        return [
            json.loads(line.decode(), object_pairs_hook=pairs)
            for line in lines_with_content(content)
        ]
    except (ValueError, RecursionError):
        return None


@given(damaged(jsonl(objects("_id", "title", "text"))))
@reads_one_folder
def test_documents_in_beir_layout(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "corpus.jsonl").write_bytes(content)
    found = read_or_error(BeirFolder(tmp_path).documents, tmp_path / "corpus.jsonl")
    rows = parsed(content)
    expected = None if rows is None else []
    for row in rows or []:
        if (
            not isinstance(row, dict)
            or id_of(row.get("_id")) is None
            or not is_text(row.get("text"))
            or not (row.get("title") is None or is_text(row["title"]))
        ):
            expected = None
        elif expected is not None:
            expected.append((id_of(row["_id"]), row.get("title") or "", row["text"]))
    assert expected == (None if found is None else [d[:3] for d in found])


@given(damaged(delimited(["query-id", "corpus-id", "score"], "\t")))
@reads_one_folder
def test_qrels_in_beir_layout(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "qrels").mkdir(exist_ok=True)
    path = tmp_path / "qrels" / "train.tsv"
    path.write_bytes(content)
    found = read_or_error(BeirFolder(tmp_path).qrels, path)
    if found is not None:
        lines = [line.split(b"\t") for line in lines_with_content(content)]
        if lines and lines[0][2].decode().strip().lower() == "score":
            lines = lines[1:]
        assert [(q.query_id, q.doc_id, q.split) for q in found] == [
            (line[0].decode().strip(), line[1].decode().strip(), "train") for line in lines
        ]


PASSAGES = st.lists(TEXTS, max_size=3)


@given(
    damaged(
        jsonl(
            st.fixed_dictionaries(
                {"query": TEXTS | VALUES, "pos": PASSAGES | PASSAGES | VALUES},
                optional={"neg": PASSAGES | VALUES, "prompt": TEXTS | VALUES},
            )
        )
    )
)
@reads_one_folder
def test_flagembedding_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    source = FlagEmbeddingSettings(type="flagembedding", file="data.jsonl").open(tmp_path)
    documents = read_or_error(source.documents, path)
    queries = read_or_error(source.queries, path)
    qrels = read_or_error(source.qrels, path)
    rows = parsed(content)
    if rows is None:
        assert documents is None and queries is None and qrels is None
    if documents is not None and queries is not None and qrels is not None and rows is not None:
        assert [q.text for q in queries] == list(dict.fromkeys(row["query"] for row in rows))
        passages = (t for row in rows for t in [*row["pos"], *row.get("neg", [])])
        assert [d.text for d in documents] == list(dict.fromkeys(passages))
        pairs = ((text_id(row["query"]), text_id(text)) for row in rows for text in row["pos"])
        assert [q[:2] for q in qrels] == list(dict.fromkeys(pairs))


def table_source(folder: Path, suffix: str, *, line_breaks: bool = False) -> Any:
    sections = {
        name: {"path": f"{name}{suffix}"} | columns
        for name, columns in {
            "corpus": {"title": "title"},
            "queries": {},
            "qrels": {"score": "score", "split": "split"},
        }.items()
    }
    settings = {"type": "table", "line_breaks": line_breaks, **sections}
    return TableSettings.model_validate(settings).open(folder)


def _has_value(line: bytes, separator: str) -> bool:
    """Whether a row has any value; one of an empty value in quotation marks has none."""
    text = line.decode().rstrip("\r")
    values = text.split("\t") if separator == "\t" else next(csv.reader([text]), [])
    return any(map(str.strip, values))


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@given(st.data())
@reads_one_folder
def test_documents_in_csv_and_tsv(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    separator = "\t" if suffix == ".tsv" else ","
    content = data.draw(damaged(delimited(["id", "title", "text"], separator)))
    path = tmp_path / f"corpus{suffix}"
    path.write_bytes(content)
    found = read_or_error(table_source(tmp_path, suffix).documents, path)
    if found is not None:
        lines = [line for line in lines_with_content(content) if _has_value(line, separator)]
        assert len(found) == len(lines) - 1, "no row is lost, and none is made of several lines"
        if suffix == ".tsv":
            place = lines[0].rstrip(b"\r").split(b"\t").index(b"text")
            texts = [line.rstrip(b"\r").split(b"\t")[place].decode() for line in lines[1:]]
            assert [d.text for d in found] == texts


@given(st.lists(st.tuples(st.integers(), TEXTS, st.lists(TEXTS).map("\n".join)), max_size=5))
@reads_one_folder
def test_values_of_several_lines_come_back_as_they_were(tmp_path: Path, rows: list) -> None:
    with (tmp_path / "corpus.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("id", "title", "text"), *rows])
    source = table_source(tmp_path, ".csv", line_breaks=True)
    assert [d[:3] for d in source.documents()] == [(str(i), *texts) for i, *texts in rows]


@given(damaged(delimited(["id", "title", "text"], ",")))
@reads_one_folder
def test_a_csv_file_with_line_breaks_in_values(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "corpus.csv"
    path.write_bytes(content)
    read_or_error(table_source(tmp_path, ".csv", line_breaks=True).documents, path)


@given(damaged(jsonl(objects("query_id", "doc_id", "score", "split"))))
@reads_one_folder
def test_qrels_in_jsonl(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "qrels.jsonl"
    path.write_bytes(content)
    found = read_or_error(table_source(tmp_path, ".jsonl").qrels, path)
    if found is not None:
        rows = parsed(content)
        assert rows is not None
        assert [(q.query_id, q.doc_id, q.score, q.split) for q in found] == [
            (id_of(r["query_id"]), id_of(r["doc_id"]), int(float(r["score"])), r["split"])
            for r in rows
        ]


COLUMN_VALUES = st.sampled_from(
    [
        st.lists(st.none() | TEXTS),
        st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
        st.lists(st.none() | st.floats()),
        st.lists(st.none() | st.booleans()),
        st.lists(st.none() | st.binary(max_size=4)),
        st.lists(st.none() | st.lists(st.integers(0, 9), max_size=2)),
        st.lists(st.none() | st.datetimes()),
    ]
)


@st.composite
def parquet_tables(draw: st.DrawFn) -> pa.Table:
    names = draw(st.permutations(["id", "title", "text", "text"]))[: draw(st.integers(2, 4))]
    columns = [draw(draw(COLUMN_VALUES)) for _ in names]
    rows = min(map(len, columns), default=0)
    return pa.table([pa.array(column[:rows]) for column in columns], names=names)


@given(parquet_tables(), st.data())
@reads_one_folder
def test_documents_in_parquet(tmp_path: Path, table: pa.Table, data: st.DataObject) -> None:
    path = tmp_path / "corpus.parquet"
    pq.write_table(table, path, write_page_checksum=True)
    found = read_or_error(table_source(tmp_path, ".parquet").documents, path)
    if found is not None:
        rows = table.to_pylist()
        assert [d[:3] for d in found] == [
            (id_of(row["id"]), row["title"] or "", row["text"]) for row in rows
        ]
    whole = path.read_bytes()
    path.write_bytes(data.draw(damaged(st.just(whole))))
    found = read_or_error(table_source(tmp_path, ".parquet").documents, path)


@given(damaged(delimited(["query_id", "doc_id", "verdict"], ",")), st.booleans())
@reads_one_folder
def test_reviewed_labels(tmp_path: Path, content: bytes, verdicts: bool) -> None:
    if verdicts:
        content = content.replace(b"x", b"relevant").replace(b"null", b"Not Relevant ")
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    found = read_or_error(lambda: read_reviewed_labels(path).items(), path)
    if found is not None:
        lines = lines_with_content(content)
        given_verdicts = sum(b"elevant" in line for line in lines)
        assert len(found) <= given_verdicts
        assert all(query == query.strip() and doc == doc.strip() for (query, doc), _ in found)


@given(
    damaged(jsonl(st.fixed_dictionaries({"query_id": IDS | VALUES, "answers": PASSAGES | VALUES})))
)
@reads_one_folder
def test_answers(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(content)
    found = read_or_error(lambda: read_answers(path).items(), path)
    rows = parsed(content)
    if found is not None:
        assert rows is not None
        expected: dict[str | None, list[str]] = {}
        for row in rows:
            expected.setdefault(id_of(row["query_id"]), []).extend(row["answers"])
        assert dict(found) == expected
    elif rows is not None:
        assert not all(_is_answer(row) for row in rows)


def _is_answer(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and id_of(row.get("query_id")) is not None
        and isinstance(row.get("answers"), list)
        and all(map(is_text, row["answers"]))
    )


def test_the_readers_say_where_an_iterator_stops(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_bytes(b'{"_id": "1", "text": "x"}\n\xff\n')
    documents: Iterator[Any] = BeirFolder(tmp_path).documents()
    assert next(documents).id == "1"
    assert read_or_error(lambda: documents, tmp_path / "corpus.jsonl") is None
