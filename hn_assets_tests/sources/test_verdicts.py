"""Verdicts of a review: read with their items, and taken as labels that take nothing away."""

from pathlib import Path

import pytest

from hn_assets.errors import SourceError
from hn_assets.sources.kinds.beir import BeirFolder, BeirSettings
from hn_assets.sources.open_source import open_source
from hn_assets.sources.verdicts import ReviewVerdicts, labels_of, read_verdicts
from hn_assets_tests.collections_on_disk import write_beir

DOCUMENTS = {"a": "alpha one", "b": "beta two", "c": "gamma three", "=1": "delta four"}
QUERIES = {"1": "which first", "2": "which second"}
QRELS = {"train": [("1", "a", 2), ("1", "b", 0), ("2", "c", 1)]}


def write(folder: Path, *lines: str, head: str = "query_id,doc_id,verdict") -> Path:
    path = folder / "verdicts.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def scores(folder: Path, *lines: str) -> dict[tuple[str, str], int]:
    source = BeirFolder(write_beir(folder / "in", DOCUMENTS, QUERIES, QRELS))
    with_verdicts = ReviewVerdicts(source, write(folder, *lines))
    return {(qrel.query_id, qrel.doc_id): qrel.score for qrel in with_verdicts.qrels()}


def test_what_the_page_saves_is_read_with_items(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "s1,3,1,b,relevant",
        "s1,7,2,'=1,not relevant",
        "s1,9,2,a,unsure",
        "s1,10,2,b,",
        head="sample,item,query_id,doc_id,verdict",
    )
    assert [each[:5] for each in read_verdicts(path)] == [
        ("1", "b", True, "s1", 3),
        ("2", "=1", False, "s1", 7),
        ("2", "a", None, "s1", 9),
    ]


def test_a_plain_file_needs_three_columns_only(tmp_path: Path) -> None:
    (found,) = read_verdicts(write(tmp_path, "1,b, Not  Relevant"))
    assert (found.is_relevant, found.sample, found.item) == (False, "", None)
    assert found.where == "verdicts.csv:2"


def test_relevant_ones_become_positives_and_others_are_judged(tmp_path: Path) -> None:
    assert scores(tmp_path, "1,b,relevant", "2,a,not relevant", "2,b,unsure") == {
        ("1", "a"): 2,
        ("1", "b"): 1,
        ("2", "c"): 1,
        ("2", "a"): 0,
    }


def test_no_verdict_takes_a_known_positive_away(tmp_path: Path) -> None:
    assert scores(tmp_path, "1,a,not relevant")["1", "a"] == 2


def test_a_pair_with_both_verdicts_gets_no_label(tmp_path: Path) -> None:
    found = read_verdicts(write(tmp_path, "1,b,relevant", "2,a,relevant", "1,b,not relevant"))
    assert list(labels_of(found)) == [("2", "a")]


@pytest.mark.parametrize("item", ["x", "-1", "1.5", "9" * 30, "²"])
def test_an_item_that_is_no_number_is_named(tmp_path: Path, item: str) -> None:
    path = write(tmp_path, f"{item},1,b,relevant", head="item,query_id,doc_id,verdict")
    with pytest.raises(SourceError, match=r"verdicts\.csv:2: the item .* is no whole number"):
        read_verdicts(path)


def test_another_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the verdict 'maybe' is neither"):
        read_verdicts(write(tmp_path, "1,b,maybe"))


def test_both_files_correct_the_source(tmp_path: Path) -> None:
    write_beir(tmp_path / "in", DOCUMENTS, QUERIES, QRELS)
    (tmp_path / "reviewed.csv").write_text("query_id,doc_id,verdict\n1,a,not relevant\n")
    write(tmp_path, "1,b,relevant")
    settings = BeirSettings(type="beir", folder="in")
    source = open_source(settings, tmp_path, "reviewed.csv", "verdicts.csv")
    found = {(qrel.query_id, qrel.doc_id): qrel.score for qrel in source.qrels()}
    assert found == {("1", "a"): 0, ("1", "b"): 1, ("2", "c"): 1}
    described = source.describe()
    assert described["verdicts"].endswith("verdicts.csv")
    assert described["reviewed_labels"].endswith("reviewed.csv")
    before = source.fingerprint(), source.state()
    write(tmp_path, "1,b,not relevant")
    assert source.fingerprint() != before[0]
    assert source.state() != before[1]
