"""Folders in BEIR layout as they come: CRLF, extra keys, number-like ids; and bad ones."""

import json
from pathlib import Path

import pytest

from hn_assets.errors import SourceError
from hn_assets.sources.kinds.beir import BeirFolder
from hn_assets_tests.collections_on_disk import write_beir, write_jsonl

DOCUMENTS = {"007": "seven", "8": "eight"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_beir(tmp_path, DOCUMENTS, {"1": "which"}, {"train": [("1", "007", 1)]})


def test_what_is_there_is_read(folder: Path) -> None:
    source = BeirFolder(folder)
    assert [(d.id, d.title, d.text, d.where) for d in source.documents()] == [
        ("007", "", "seven", "corpus.jsonl:1"),
        ("8", "", "eight", "corpus.jsonl:2"),
    ]
    assert [(q.id, q.text, q.prompt) for q in source.queries()] == [("1", "which", None)]
    assert [q[:4] for q in source.qrels()] == [("1", "007", 1, "train")]


def test_crlf_bom_blank_lines_and_extra_keys_do_no_harm(folder: Path) -> None:
    rows = [{"_id": 12, "title": None, "text": "zwölf\u2028Zeilen", "metadata": {"a": [1]}}]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\r\n\r\n" for row in rows)
    (folder / "corpus.jsonl").write_bytes(b"\xef\xbb\xbf" + lines.encode())
    (folder / "qrels" / "train.tsv").write_bytes(b"\xef\xbb\xbf1\t12\t2\r\n1\t13\t-1\r\n")
    source = BeirFolder(folder)
    assert [d[:3] for d in source.documents()] == [("12", "", "zwölf\u2028Zeilen")]
    assert [q[:4] for q in source.qrels()] == [("1", "12", 2, "train"), ("1", "13", -1, "train")]


def test_ids_are_read_alike_in_every_file(folder: Path) -> None:
    write_jsonl(folder / "corpus.jsonl", [{"_id": " 007\t", "text": "x"}, {"_id": 7, "text": "y"}])
    write_jsonl(folder / "queries.jsonl", [{"_id": "1 ", "text": "which"}])
    (folder / "qrels" / "train.tsv").write_text("1\t 007 \t1\n 1\t7\t1\n")
    source = BeirFolder(folder)
    assert [d.id for d in source.documents()] == ["007", "7"]
    assert [q.id for q in source.queries()] == ["1"]
    assert [q[:2] for q in source.qrels()] == [("1", "007"), ("1", "7")]


def test_every_split_is_read(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\t8\t1\n")
    assert [q.split for q in BeirFolder(folder).qrels()] == ["test", "train"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"_id": "9", "text": ', r"corpus.jsonl:2: not JSON \(.*column"),
        (b"[" * 100_000, r"corpus.jsonl:2: not JSON"),
        (b'["9", "text"]', r"corpus.jsonl:2: a JSON list, but an object is needed"),
        (b'{"text": "no id"}', r"corpus.jsonl:2: the document id _id is missing"),
        (b'{"_id": "", "text": "x"}', r"corpus.jsonl:2: the document id _id is ''"),
        (b'{"_id": "\\u200b", "text": "x"}', r"corpus.jsonl:2: the document id _id is '\\u200b'"),
        (b'{"_id": 1.5, "text": "x"}', r"corpus.jsonl:2: the document id _id is 1.5"),
        (b'{"_id": true, "text": "x"}', r"corpus.jsonl:2: the document id _id is True"),
        (b'{"_id": "9", "title": "x"}', r"corpus.jsonl:2: the text is missing"),
        (
            b'{"_id": "9", "_id": "8", "text": "x"}',
            r"jsonl:2: .*the key '_id' is there twice",
        ),
        (b'{"_id": "9", "title": false, "text": "x"}', r"corpus.jsonl:2: the title is False, not"),
        (b'{"_id": "9", "text": 5}', r"corpus.jsonl:2: the text is 5, not text"),
        (b'{"_id": "9", "text": "\\ud800"}', r"corpus.jsonl:2: the text holds half a character"),
        (b'{"_id": "9", "text": "caf\xe9"}', r"corpus.jsonl:2: not UTF-8 \(byte 26"),
    ],
)
def test_a_bad_line_is_named(folder: Path, line: bytes, message: str) -> None:
    path = folder / "corpus.jsonl"
    path.write_bytes(path.read_bytes().splitlines()[0] + b"\n" + line + b"\n")
    with pytest.raises(SourceError, match=message):
        list(BeirFolder(folder).documents())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 007 1", "qrels/train.tsv:2: 1 columns"),
        ("1\t007", "qrels/train.tsv:2: 2 columns"),
        ("1\t007\thigh", "qrels/train.tsv:2: the score 'high' is no grade"),
        ("1\t007\t3000000000", "qrels/train.tsv:2: the score '3000000000' is no grade"),
        ("1\t007\t1_0", "qrels/train.tsv:2: the score '1_0' is no grade"),
        ("1\t007\t0.5", "qrels/train.tsv:2: the score '0.5' is no grade"),
        ("\t007\t1", "qrels/train.tsv:2: the query id"),
    ],
)
def test_a_bad_judgement_is_named(folder: Path, line: str, message: str) -> None:
    (folder / "qrels" / "train.tsv").write_text(f"query-id\tcorpus-id\tscore\n{line}\n")
    with pytest.raises(SourceError, match=message):
        list(BeirFolder(folder).qrels())


def test_a_folder_that_is_not_there_says_what_should_be(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere is not there; it should hold corpus.jsonl"):
        list(BeirFolder(tmp_path / "nowhere").documents())


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    source = BeirFolder(folder)
    with pytest.raises(SourceError, match=f"{name} is not there"):
        list(source.documents() if name == "corpus.jsonl" else source.queries())


def test_no_qrels_at_all_is_an_error(folder: Path) -> None:
    (folder / "qrels" / "train.tsv").unlink()
    with pytest.raises(SourceError, match="there are no qrels"):
        list(BeirFolder(folder).qrels())


def test_a_query_without_text_is_named(folder: Path) -> None:
    write_jsonl(folder / "queries.jsonl", [{"_id": "1"}])
    with pytest.raises(SourceError, match=r"queries.jsonl:1: the text is missing"):
        list(BeirFolder(folder).queries())
