"""A person's verdicts on top of a source's qrels: what they change, and what is refused."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from hn_assets.errors import SourceError
from hn_assets.sources.ingest.collect import collect
from hn_assets.sources.ingest.report import SourceReport
from hn_assets.sources.kinds.beir import BeirFolder
from hn_assets.sources.protocol import Qrel
from hn_assets.sources.reviewed_labels import ReviewedLabels, read_reviewed_labels
from hn_assets_tests.collections_on_disk import write_beir

DOCUMENTS = {"a": "alpha one", "b": "beta two", "c": "gamma three", "007": "delta four"}
QUERIES = {"1": "which first", "2": "which second", "3": "which third"}
QRELS = {"train": [("1", "a", 2), ("1", "b", 0), ("2", "c", 1)], "test": [("3", "b", 1)]}
COLUMNS = ("query_id", "doc_id", "verdict")

Split = list[tuple[str, str, int]]


def write_verdicts(
    folder: Path, *rows: tuple[str, ...], columns: tuple[str, ...] = COLUMNS
) -> Path:
    path = folder / "verdicts.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def corrected(
    folder: Path, *rows: tuple[str, ...], qrels: dict[str, Split] = QRELS
) -> ReviewedLabels:
    return ReviewedLabels(
        BeirFolder(write_beir(folder / "in", DOCUMENTS, QUERIES, qrels)),
        write_verdicts(folder, *rows),
    )


def run(source: ReviewedLabels, out: Path) -> tuple[SourceReport, list[list[object]]]:
    """The report, and what qrels.parquet holds."""
    out.mkdir()
    report = collect(
        source,
        corpus=None,
        queries=None,
        qrels=out / "qrels.parquet",
        mining_split="train",
        evaluation_split="test",
    )
    return report, pd.read_parquet(out / "qrels.parquet").values.tolist()


def scores(source: ReviewedLabels) -> dict[tuple[str, str], int]:
    return {(qrel.query_id, qrel.doc_id): qrel.score for qrel in source.qrels()}


BEFORE = {("3", "b"): 1, ("1", "a"): 2, ("1", "b"): 0, ("2", "c"): 1}


def test_without_verdicts_the_qrels_are_those_of_the_source(tmp_path: Path) -> None:
    source = corrected(tmp_path)
    assert list(source.qrels()) == list(source.source.qrels())
    assert list(source.documents()) == list(source.source.documents())
    assert list(source.queries()) == list(source.source.queries())


def test_a_verdict_replaces_what_the_qrels_say(tmp_path: Path) -> None:
    source = corrected(tmp_path, ("1", "a", "not relevant"), ("1", "b", "relevant"))
    assert scores(source) == {**BEFORE, ("1", "a"): 0, ("1", "b"): 1}


def test_a_verdict_that_agrees_keeps_the_grade(tmp_path: Path) -> None:
    qrels: dict[str, Split] = {"train": [("1", "a", 3), ("1", "b", -2)]}
    source = corrected(tmp_path, ("1", "a", "relevant"), ("1", "b", "not relevant"), qrels=qrels)
    assert list(source.qrels()) == list(source.source.qrels())


def test_a_verdict_on_another_pair_is_added_to_the_split_of_its_query(tmp_path: Path) -> None:
    source = corrected(tmp_path, ("3", "a", "relevant"), ("2", "007", "not relevant"))
    assert list(source.qrels())[4:] == [
        Qrel("3", "a", 1, "test", "verdicts.csv:2"),
        Qrel("2", "007", 0, "train", "verdicts.csv:3"),
    ]
    assert scores(source) == {**BEFORE, ("3", "a"): 1, ("2", "007"): 0}


def test_a_pair_that_the_qrels_give_twice_is_replaced_twice(tmp_path: Path) -> None:
    qrels: dict[str, Split] = {"train": [("1", "a", 1), ("1", "c", 1), ("1", "a", 2)]}
    source = corrected(tmp_path, ("1", "a", "not relevant"), qrels=qrels)
    assert [(qrel.doc_id, qrel.score) for qrel in source.qrels()] == [("a", 0), ("c", 1), ("a", 0)]


def test_what_was_replaced_is_found_in_the_file_of_verdicts(tmp_path: Path) -> None:
    source = corrected(tmp_path, ("1", "a", "relevant"), ("1", "b", "relevant"))
    assert {qrel.doc_id: qrel.where for qrel in source.qrels() if qrel.query_id == "1"} == {
        "a": "qrels/train.tsv:2",
        "b": "verdicts.csv:3",
    }


def test_qrels_parquet_shows_the_verdicts(tmp_path: Path) -> None:
    source = corrected(
        tmp_path,
        ("1", "a", "relevant"),
        ("1", "b", "relevant"),
        ("1", "007", "not relevant"),
        ("2", "b", "relevant"),
        ("2", "c", ""),
        ("3", "a", "relevant"),
    )
    report, rows = run(source, tmp_path / "out")
    assert sorted(rows) == [
        ["1", "007", 0, "train"],
        ["1", "a", 2, "train"],
        ["1", "b", 1, "train"],
        ["2", "b", 1, "train"],
        ["2", "c", 1, "train"],
        ["3", "a", 1, "test"],
        ["3", "b", 1, "test"],
    ]
    assert report.qrels.dropped == {}
    assert report.qrels.judged_not_relevant == 1


@pytest.mark.parametrize(
    ("row", "what"),
    [(("1", "7", "relevant"), "document '7'"), (("1E5", "a", "not relevant"), "query '1E5'")],
)
def test_a_verdict_on_what_is_not_there_is_named_with_its_line(
    tmp_path: Path, row: tuple[str, str, str], what: str
) -> None:
    message = rf"^verdicts\.csv:3: there is no {what}\. A spreadsheet changes ids .* 007 to 7"
    with pytest.raises(SourceError, match=message):
        run(corrected(tmp_path, ("1", "a", "relevant"), row), tmp_path / "out")


def test_white_space_around_ids_does_not_matter(tmp_path: Path) -> None:
    path = write_verdicts(tmp_path, (" 1", "007 ", "relevant"))
    assert set(read_reviewed_labels(path)) == {("1", "007")}


def test_a_verdict_without_ids_is_named_with_its_line(tmp_path: Path) -> None:
    path = write_verdicts(tmp_path, ("1", "a", ""), ("1", " ", "relevant"))
    with pytest.raises(SourceError, match=r"^verdicts\.csv:3: the doc_id is ' '"):
        read_reviewed_labels(path)


def test_a_quotation_mark_that_is_never_closed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.csv"
    path.write_text('query_id,doc_id,verdict\n1,"a,relevant\n1,b,relevant\n')
    with pytest.raises(SourceError, match=r"verdicts\.csv:2: .* quotation mark opens here"):
        read_reviewed_labels(path)


@pytest.mark.parametrize("document", ["a", "b"])
def test_a_query_in_two_splits_keeps_its_verdicts(tmp_path: Path, document: str) -> None:
    qrels: dict[str, Split] = {"dev": [("1", "a", 0)], "train": [("1", "c", 1)]}
    source = corrected(tmp_path, ("1", document, "relevant"), qrels=qrels)
    _, rows = run(source, tmp_path / "out")
    assert sorted(rows) == [["1", document, 1, "train"], ["1", "c", 1, "train"]]


def test_lines_without_a_verdict_are_passed_over(tmp_path: Path) -> None:
    path = write_verdicts(
        tmp_path, ("1", "a", ""), ("1", "b", " \t"), ("", "", ""), (), ("?", "a", "")
    )
    assert read_reviewed_labels(path) == {}


@pytest.mark.parametrize(
    ("word", "score"),
    [
        ("relevant", 1),
        ("not relevant", 0),
        (" Relevant", 1),
        ("NOT  relevant ", 0),
    ],
)
def test_case_and_white_space_of_a_verdict_do_not_matter(
    tmp_path: Path, word: str, score: int
) -> None:
    assert read_reviewed_labels(write_verdicts(tmp_path, ("1", "007", word))) == {
        ("1", "007"): (score, "verdicts.csv:2")
    }


def test_further_columns_their_order_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.csv"
    path.write_bytes(
        b"\xef\xbb\xbfverdict,passage,doc_id,query_id\r\n"
        b'relevant,"one, ""two""\r\nthree",a,1\r\n'
        b"not relevant,x,b,1\r\n"
    )
    found = read_reviewed_labels(path)
    assert {pair: said.score for pair, said in found.items()} == {("1", "a"): 1, ("1", "b"): 0}


def test_the_same_verdict_twice_does_no_harm(tmp_path: Path) -> None:
    row = ("1", "a", "relevant")
    assert read_reviewed_labels(write_verdicts(tmp_path, row, row)) == {
        ("1", "a"): (1, "verdicts.csv:2")
    }


@pytest.mark.parametrize("word", ["maybe", "1", "irrelevant", "notrelevant", "not-relevant"])
def test_another_word_is_named_with_its_line(tmp_path: Path, word: str) -> None:
    path = write_verdicts(tmp_path, ("1", "a", "relevant"), ("1", "b", word))
    message = rf"^verdicts\.csv:3: the verdict '{word}' is neither 'relevant' nor 'not relevant'"
    with pytest.raises(SourceError, match=message) as caught:
        read_reviewed_labels(path)
    assert str(path) in str(caught.value)


def test_a_contradiction_is_named_with_its_line(tmp_path: Path) -> None:
    path = write_verdicts(
        tmp_path, ("1", "a", "relevant"), ("1", "b", "relevant"), ("1", "a", "not relevant")
    )
    message = r"^verdicts\.csv:4: query '1' and document 'a' have another verdict further up"
    with pytest.raises(SourceError, match=message) as caught:
        read_reviewed_labels(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        (("query_id", "doc_id", "label"), "verdict"),
        (("verdict",), "query_id, doc_id"),
        (("query_id;doc_id;verdict",), "query_id, doc_id, verdict"),
    ],
)
def test_missing_columns_are_named(tmp_path: Path, columns: tuple[str, ...], missing: str) -> None:
    path = write_verdicts(tmp_path, ("1", "a", "relevant"), columns=columns)
    message = rf"verdicts\.csv:1: no column {missing}; the columns are {', '.join(columns)}$"
    with pytest.raises(SourceError, match=message):
        read_reviewed_labels(path)


def test_a_query_without_qrels_is_named_with_its_line(tmp_path: Path) -> None:
    source = corrected(tmp_path, ("1", "c", "relevant"), ("9", "a", "not relevant"))
    message = r"^verdicts\.csv:3: the query '9' has no qrels.*verdicts\.csv$"
    with pytest.raises(SourceError, match=message):
        list(source.qrels())


@pytest.mark.parametrize(
    ("problem", "message"),
    [("missing", "is not there"), ("folder", "cannot be read: Is a directory")],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, problem: str, message: str) -> None:
    path = tmp_path / "verdicts.csv"
    if problem == "folder":
        path.mkdir()
    with pytest.raises(SourceError, match=rf"verdicts\.csv {message}"):
        read_reviewed_labels(path)


@pytest.mark.parametrize(
    "content",
    [
        "query_id,doc_id,verdict\n1,a,relevant\n1,é,relevant\n".encode("cp1252"),
        "query_id,doc_id,verdict\n1,a,relevant\n".encode("utf-16"),
        b"",
    ],
    ids=["cp1252", "utf-16", "empty"],
)
def test_a_file_that_is_no_csv_in_utf_8_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "verdicts.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"verdicts\.csv"):
        read_reviewed_labels(path)


def test_the_fingerprint_changes_with_the_verdicts_and_with_the_source(tmp_path: Path) -> None:
    source = corrected(tmp_path, ("1", "a", "relevant"))
    seen = [source.fingerprint(), source.fingerprint()]
    write_verdicts(tmp_path, ("1", "a", "not relevant"))
    seen.append(source.fingerprint())
    write_beir(tmp_path / "in", {**DOCUMENTS, "d": "more"}, QUERIES, QRELS)
    seen.append(source.fingerprint())
    assert seen[0] == seen[1]
    assert None not in seen
    assert len(set(seen)) == 3


@pytest.mark.parametrize("gone", ["verdicts.csv", "in/corpus.jsonl"])
def test_there_is_no_fingerprint_if_a_file_is_missing(tmp_path: Path, gone: str) -> None:
    source = corrected(tmp_path)
    (tmp_path / gone).unlink()
    assert source.fingerprint() is None


def test_the_description_names_the_source_and_the_verdicts(tmp_path: Path) -> None:
    assert corrected(tmp_path).describe() == {
        "type": "beir",
        "location": str(tmp_path / "in"),
        "reviewed_labels": str(tmp_path / "verdicts.csv"),
    }


def test_the_state_changes_when_the_labels_or_the_source_are_written(tmp_path: Path) -> None:
    source = corrected(tmp_path)
    states = [source.state(), source.state()]
    write_verdicts(tmp_path, ("1", "a", "not relevant"))
    states.append(source.state())
    (tmp_path / "in" / "corpus.jsonl").unlink()
    states.append(source.state())
    assert states[0] == states[1]
    assert len(set(states)) == 3
