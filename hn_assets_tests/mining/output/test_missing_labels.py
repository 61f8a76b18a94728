"""Which lines of the ledger a person should look at."""

import csv
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.filters.kinds.positive_similarity import CLOSE_TO_A_POSITIVE
from hn_assets.mining.output.missing_labels import (
    MAX_PER_QUERY,
    ReviewTexts,
    likely_missing,
    read_review_texts,
    write_for_review,
)
from hn_assets.mining.rules.reasons import ALWAYS_EXCLUDED, CHOSEN, POSITIVE, REASONS
from hn_assets.sources.reviewed_labels import read_reviewed_labels
from hn_assets.store import schemas
from hn_assets_tests.mining.output.ledger_rows import Row, row, write_ledger


def ids(found: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(found.query_id, found.doc_id, strict=True))


def best(folder: Path, rows: list[Row], **options: int) -> list[tuple[str, str]]:
    return ids(likely_missing(write_ledger(folder / "ledger.parquet", rows), **options))


def test_labels_are_asked_for_what_was_rejected_and_not_for_positives_or_negatives(
    tmp_path: Path,
) -> None:
    outcomes = [*(reason.label for reason in REASONS), CHOSEN]
    rows = [row(f"q{i}", "d", outcome) for i, outcome in enumerate(outcomes)]
    found = likely_missing(write_ledger(tmp_path / "ledger.parquet", rows))
    excluded = {reason.label for reason in ALWAYS_EXCLUDED}
    assert POSITIVE.label in excluded
    assert set(found.outcome) == set(outcomes) - excluded - {CHOSEN}
    assert list(found.columns) == [
        *("query_id", "doc_id", "rank", "score", "outcome"),
        *("margin", "positive_similarity", "probability", "relevance_estimate"),
    ]


def test_the_likeliest_by_probability_come_first(tmp_path: Path) -> None:
    rows = [
        row("q1", "a", probability=0.25, margin=0.9, positive_similarity=0.9),
        row("q2", "a", probability=0.75, margin=-0.9, positive_similarity=-0.9),
        row("q1", "b", probability=0.5),
    ]
    assert best(tmp_path, rows) == [("q2", "a"), ("q1", "b"), ("q1", "a")]


def test_without_a_probability_margin_and_closeness_decide_together(tmp_path: Path) -> None:
    rows = [
        row("q1", "a", margin=-0.5, positive_similarity=0.75),
        row("q1", "b", margin=-0.25, positive_similarity=0.75),
        row("q2", "c", margin=-0.5, positive_similarity=0.875),
    ]
    found = likely_missing(write_ledger(tmp_path / "ledger.parquet", rows))
    assert ids(found) == [("q1", "b"), ("q2", "c"), ("q1", "a")]
    assert found.relevance_estimate.tolist() == [0.5, 0.375, 0.25]
    assert found.probability.isna().all()


def test_what_is_alike_comes_in_the_order_of_ids(tmp_path: Path) -> None:
    rows = [row("q2", "a"), row("q1", "b"), row("q10", "c"), row("q1", "a")]
    assert best(tmp_path, rows) == [("q1", "a"), ("q1", "b"), ("q10", "c"), ("q2", "a")]


def test_a_query_is_asked_about_a_few_times_at_most_and_its_likeliest_stay(tmp_path: Path) -> None:
    rows = [row("q1", f"d{i}", probability=0.5 + i / 64) for i in range(MAX_PER_QUERY + 3)]
    rows += [row("q2", f"d{i}", probability=i / 64) for i in range(2)]
    last = MAX_PER_QUERY + 2
    assert best(tmp_path, rows) == [
        *(("q1", f"d{last - i}") for i in range(MAX_PER_QUERY)),
        ("q2", "d1"),
        ("q2", "d0"),
    ]


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_are_given_than_wanted(tmp_path: Path, most: int) -> None:
    rows = [row(f"q{i}", "d", probability=i / 8) for i in range(8)]
    assert best(tmp_path, rows, most=most) == [(f"q{7 - i}", "d") for i in range(most)]


def test_a_ledger_of_chosen_candidates_alone_leaves_nothing_to_ask(tmp_path: Path) -> None:
    found = likely_missing(write_ledger(tmp_path / "ledger.parquet", [row("q", "d", CHOSEN)]))
    assert len(found) == 0
    write_for_review(found, tmp_path, ReviewTexts({}, {}, {}))
    assert read_reviewed_labels(tmp_path / "likely_missing_labels.csv") == {}


def test_a_ledger_without_lines_leaves_nothing_to_ask(tmp_path: Path) -> None:
    assert best(tmp_path, []) == []


@settings(max_examples=100, deadline=None)
@given(
    pairs_of=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 15)), unique=True, min_size=1, max_size=60
    ),
    at_once=st.integers(1, 12),
    most=st.integers(1, 20),
    data=st.data(),
)
def test_a_ledger_read_in_blocks_gives_the_same_as_one_read_at_once(
    tmp_path_factory: pytest.TempPathFactory,
    pairs_of: list[tuple[int, int]],
    at_once: int,
    most: int,
    data: st.DataObject,
) -> None:
    numbers = st.sampled_from([None, 0.0, 0.25, 0.5, 0.75])
    rows = [
        row(f"q{query}", f"d{document}", probability=data.draw(numbers))
        for query, document in pairs_of
    ]
    path = tmp_path_factory.mktemp("ledger") / "ledger.parquet"
    whole = likely_missing(write_ledger(path, rows), most)
    # a block never reaches over the end of a row group
    parts = likely_missing(write_ledger(path, rows, at_once), most)
    pd.testing.assert_frame_equal(parts, whole)


def fill_in(path: Path, verdicts: dict[tuple[str, str], str]) -> None:
    """What a person does to the CSV, in a program that knows CSV."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        line["verdict"] = verdicts.get((line["query_id"], line["doc_id"]), "")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


def review(folder: Path, passages: dict[str, str]) -> Path:
    """The CSV that a person gets, of a query 007 and these passages."""
    rows = [row("007", document, CLOSE_TO_A_POSITIVE.label) for document in passages]
    found = likely_missing(write_ledger(folder / "ledger.parquet", rows))
    texts = ReviewTexts({"007": "which, then?"}, passages, {"007": 'the "one"'})
    write_for_review(found, folder, texts)
    return folder / "likely_missing_labels.csv"


def test_the_parquet_of_likely_labels_holds_the_texts(tmp_path: Path) -> None:
    rows = [row("q1", "a", probability=0.75), row("q2", "b", probability=0.3)]
    found = likely_missing(write_ledger(tmp_path / "ledger.parquet", rows))
    files = {name: tmp_path / f"{name}.parquet" for name in ("corpus", "queries", "qrels")}
    corpus = [("a", "", "alpha"), ("b", "", "beta"), ("c", "the third", "gamma"), ("x", "", "xi")]
    queries = [("q1", "one?"), ("q2", "two?"), ("q3", "three?")]
    qrels = [("q1", "x", 0), ("q1", "c", 1), ("q1", "b", 1), ("q3", "b", 1)]
    for path, names, lines in (
        (files["corpus"], ["id", "title", "text"], corpus),
        (files["queries"], ["id", "text"], queries),
        (files["qrels"], ["query_id", "doc_id", "score"], qrels),
    ):
        pd.DataFrame(lines, columns=names).to_parquet(path)
    write_for_review(found, tmp_path, read_review_texts(found, **files))
    table = pq.read_table(tmp_path / "likely_missing_labels.parquet")
    assert table.schema.equals(schemas.LIKELY_MISSING, check_metadata=True)
    texts = [list(line.values()) for line in table.select([0, 1, 9, 10, 11]).to_pylist()]
    assert texts == [
        ["q1", "a", "one?", "alpha", "the third — gamma"],
        ["q2", "b", "two?", "beta", ""],
    ]
    shown = pd.read_csv(tmp_path / "likely_missing_labels.csv", keep_default_na=False)
    assert shown.columns.tolist() == [
        *(
            "query_id",
            "doc_id",
            "verdict",
            "relevance_estimate",
            "outcome",
            "query",
            "passage",
            "positive",
        )
    ]
    assert shown.relevance_estimate.tolist() == [0.75, 0.3]
    assert shown.passage.tolist() == ["alpha", "beta"]
    assert shown.verdict.tolist() == ["", ""]


def test_the_csv_is_read_back_once_it_is_filled_in(tmp_path: Path) -> None:
    passages = {"01": "one, two", "2": 'the "three"\nand four', "c": "fünf", "d": "", "NA": "x"}
    path = review(tmp_path, passages)
    with path.open(encoding="utf-8-sig", newline="") as file:
        shown = {line["doc_id"]: line["passage"].split() for line in csv.DictReader(file)}
    assert shown == {document: text.split() for document, text in passages.items()}
    assert read_reviewed_labels(path) == {}, "nobody has looked at it yet"
    verdicts = {
        ("007", "01"): "relevant",
        ("007", "2"): "Not relevant",
        ("007", "NA"): "relevant",
    }
    fill_in(path, verdicts)
    assert {pair: said.score for pair, said in read_reviewed_labels(path).items()} == {
        ("007", "01"): 1,
        ("007", "2"): 0,
        ("007", "NA"): 1,
    }


@pytest.mark.parametrize("passage", ["one\rtwo", "x" * (csv.field_size_limit() + 1)], ids=len)
def test_no_passage_breaks_the_csv(tmp_path: Path, passage: str) -> None:
    path = review(tmp_path, {"a": passage, "b": "beta"})
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert [line["doc_id"] for line in csv.DictReader(file)] == ["a", "b"]
    fill_in(path, {("007", "a"): "relevant", ("007", "b"): "not relevant"})
    found = {pair: said.score for pair, said in read_reviewed_labels(path).items()}
    assert found == {("007", "a"): 1, ("007", "b"): 0}


FORMULAS = ['=HYPERLINK("http://evil", "ok")', "@SUM(A1)", "-12", "'=x", "\uff1d1", "\t=2"]


def test_no_cell_is_a_formula_and_ids_are_read_back_as_they_were(tmp_path: Path) -> None:
    ids = [text for text in FORMULAS if not text.startswith("\t")]
    path = review(tmp_path, {document: FORMULAS[i] for i, document in enumerate(ids)})
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    cells = {cell for line in lines for name, cell in line.items() if name != "relevance_estimate"}
    assert [cell for cell in cells if cell.startswith(("=", "@", "+", "-", "\uff1d", "\t"))] == []
    assert any(cell.endswith('=HYPERLINK("http://evil", "ok")') for cell in cells), "it is shown"
    verdicts = {("007", line["doc_id"]): "relevant" for line in lines}
    fill_in(path, verdicts)
    assert set(read_reviewed_labels(path)) == {("007", document) for document in ids}


def test_texts_in_the_csv_hold_nothing_that_cannot_be_seen(tmp_path: Path) -> None:
    path = review(tmp_path, {"a": "one \u202eowt\u202c \x1b[31mred\x07 \u2066three"})
    with path.open(encoding="utf-8-sig", newline="") as file:
        (line,) = csv.DictReader(file)
    assert line["passage"] == "one owt [31mred three"
