"""Cross-checks: what is dropped is counted, and what cannot be right is an error."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.errors import SourceError
from hn_assets.sources.ingest.collect import collect
from hn_assets.sources.ingest.report import SourceReport
from hn_assets.sources.kinds.beir import BeirFolder
from hn_assets_tests.collections_on_disk import shared, write_beir, write_jsonl

DOCUMENTS = {"a": "alpha one", "b": "beta two", "c": "gamma three"}
QUERIES = {"1": "which first", "2": "which second", "3": "which third"}


def run(folder: Path, out: Path, **options) -> SourceReport:
    out.mkdir(exist_ok=True)
    return collect(
        BeirFolder(folder),
        corpus=out / "corpus.parquet",
        queries=out / "queries.parquet",
        qrels=out / "qrels.parquet",
        **{"mining_split": "train", "evaluation_split": "test", **options},
    )


def collected(tmp_path: Path, documents=DOCUMENTS, queries=QUERIES, **qrels) -> SourceReport:
    folder = write_beir(tmp_path / "in", documents, queries, qrels)
    return run(folder, tmp_path / "out")


def test_what_fits_together_is_kept_and_counted(tmp_path: Path) -> None:
    report = collected(
        tmp_path, train=[("1", "a", 2), ("1", "b", 1), ("2", "c", 0)], test=[("3", "b", 1)]
    )
    assert report.queries.per_split == {"train": 2, "test": 1}
    assert report.qrels.per_split == {"train": 3, "test": 1}
    assert report.qrels.positives_per_query["train"] == {"mean": 2.0, "median": 2.0, "max": 2.0}
    assert report.qrels.queries_without_positives == {"train": 1, "test": 0}
    assert report.qrels.judged_not_relevant == 1
    qrels = pd.read_parquet(tmp_path / "out" / "qrels.parquet")
    assert qrels.score.tolist() == [1, 2, 1, 0]
    assert pd.read_parquet(tmp_path / "out" / "queries.parquet").id.tolist() == ["1", "2", "3"]


def test_documents_without_text_and_equal_texts_are_counted(tmp_path: Path) -> None:
    documents = {**DOCUMENTS, "d": " ", "e": "\u200b\x07", "f": "Alpha  ONE"}
    report = collected(tmp_path, documents, train=[("1", "a", 1)])
    assert (report.corpus.documents, report.corpus.empty) == (6, 2)
    assert report.corpus.empty_ids == ["d", "e"]
    assert report.corpus.duplicate_texts == 2, "f is a again, and e is d"


def test_dropped_judgements_are_counted_by_reason(tmp_path: Path) -> None:
    report = collected(
        tmp_path,
        train=[("1", "a", 1), ("1", "a", 3), ("9", "a", 1), ("2", "z", 1), ("3", "a", 1)],
        test=[("3", "b", 1)],
    )
    assert report.qrels.dropped == {
        "pair given twice": 1,
        "unknown query": 1,
        "unknown document": 1,
        "query in another split": 1,
    }
    assert ("9", "a", "qrels/train.tsv:4", "unknown query") in report.qrels.dropped_examples
    qrels = pd.read_parquet(tmp_path / "out" / "qrels.parquet")
    assert qrels[qrels.split == "train"][["query_id", "doc_id", "score"]].values.tolist() == [
        ["1", "a", 3]
    ]
    assert report.queries.per_split == {"train": 2, "test": 1}, "query 3 belongs to the test split"


def test_a_training_query_that_equals_a_test_query_is_left_out(tmp_path: Path) -> None:
    queries = {**QUERIES, "4": "Which  THIRD"}
    report = collected(
        tmp_path, queries=queries, train=[("1", "a", 1), ("4", "c", 1)], test=[("3", "b", 1)]
    )
    assert report.queries.equal_to_evaluation_query == 1
    assert report.queries.equal_to_evaluation_query_ids == ["4"]
    assert report.qrels.dropped == {"query left out": 1}
    qrels = pd.read_parquet(tmp_path / "out" / "qrels.parquet")
    assert set(qrels.query_id) == {"1", "3"}


def test_queries_without_text_or_judgements_are_left_out(tmp_path: Path) -> None:
    queries = {**QUERIES, "4": " \ufeff\u2066"}
    report = collected(tmp_path, queries=queries, train=[("1", "a", 1), ("4", "b", 1)])
    assert (report.queries.empty, report.queries.unlabelled) == (1, 2)
    assert report.qrels.dropped == {"query left out": 1}


def test_the_same_document_twice_is_dropped_and_a_contradiction_is_an_error(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "in", DOCUMENTS, QUERIES, {"train": [("1", "a", 1)]})
    rows = [{"_id": i, "text": text} for i, text in DOCUMENTS.items()]
    write_jsonl(folder / "corpus.jsonl", [*rows, rows[0]])
    assert run(folder, tmp_path / "out").corpus.repeated_rows == 1
    write_jsonl(folder / "corpus.jsonl", [*rows, {"_id": "a", "text": "another"}])
    message = r"document id 'a' is given twice.*corpus.jsonl:1 and corpus.jsonl:4"
    with pytest.raises(SourceError, match=message):
        run(folder, tmp_path / "out")


def test_a_query_id_with_two_texts_is_an_error(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "in", DOCUMENTS, QUERIES, {"train": [("1", "a", 1)]})
    write_jsonl(folder / "queries.jsonl", [{"_id": "1", "text": "x"}, {"_id": "1", "text": "y"}])
    with pytest.raises(SourceError, match=r"query id '1' is given twice.*queries.jsonl:1 and"):
        run(folder, tmp_path / "out")
    write_jsonl(folder / "queries.jsonl", [{"_id": "1", "text": ""}, {"_id": "1", "text": "y"}])
    with pytest.raises(SourceError, match=r"query id '1' is given twice"):
        run(folder, tmp_path / "out")


def test_a_query_whose_judgements_were_all_dropped_is_without_positives(tmp_path: Path) -> None:
    report = collected(tmp_path, train=[("1", "a", 1), ("2", "gone", 1)])
    assert report.queries.per_split == {"train": 2}
    assert report.qrels.queries_without_positives == {"train": 1}


def test_training_queries_that_are_all_test_queries_are_an_error_that_says_so(
    tmp_path: Path,
) -> None:
    folder = write_beir(
        tmp_path / "in", DOCUMENTS, QUERIES, {"train": [("1", "a", 1)], "test": [("1", "b", 1)]}
    )
    with pytest.raises(SourceError, match=r"was dropped \(query in another split: 1\)"):
        run(folder, tmp_path / "out")


@settings(max_examples=40, deadline=None)
@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["1", "2", "3", "4", "?"]),
            st.sampled_from(["a", "b", "c", "?"]),
            st.integers(-1, 3),
            st.sampled_from(["train", "test", "dev"]),
        ),
        max_size=25,
    )
)
def test_every_judgement_is_kept_or_counted(tmp_path_factory, pairs) -> None:
    folder = tmp_path_factory.mktemp("pairs")
    qrels = {"train": [("1", "a", 1)]}
    for query, doc, score, split in pairs:
        qrels.setdefault(split, []).append((query, doc, score))
    write_beir(folder / "in", DOCUMENTS, {**QUERIES, "4": "which third"}, qrels)
    try:
        report = run(folder / "in", folder / "out")
    except SourceError as error:
        assert "was dropped" in str(error)
        return
    kept = pd.read_parquet(folder / "out" / "qrels.parquet")
    queries = pd.read_parquet(folder / "out" / "queries.parquet").set_index("id")
    assert len(kept) + sum(report.qrels.dropped.values()) == len(pairs) + 1
    assert not kept.duplicated(["query_id", "doc_id"]).any()
    assert (queries.split[kept.query_id].to_numpy() == kept.split.to_numpy()).all()
    of_test = set(queries.text[queries.split == "test"])
    assert not of_test & set(queries.text[queries.split != "test"])


@pytest.mark.parametrize(
    ("documents", "queries", "qrels", "message"),
    [
        ({}, QUERIES, {"train": [("1", "a", 1)]}, "the corpus is empty"),
        (DOCUMENTS, {}, {"train": [("1", "a", 1)]}, "there are no queries"),
        (DOCUMENTS, QUERIES, {"train": []}, "there are no qrels"),
        (DOCUMENTS, QUERIES, {"dev": [("1", "a", 1)]}, "split 'train'.*the splits are dev"),
        (
            DOCUMENTS,
            QUERIES,
            {"train": [("q1", "a", 1)], "test": [("3", "a", 1)]},
            r"every qrel of the split 'train' was dropped.*'q1'.*look like '1' and '2'",
        ),
    ],
)
def test_what_cannot_be_mined_is_an_error(
    tmp_path: Path, documents, queries, qrels, message: str
) -> None:
    folder = write_beir(tmp_path / "in", documents, queries, qrels)
    with pytest.raises(SourceError, match=message):
        run(folder, tmp_path / "out")


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "in", DOCUMENTS, QUERIES, {"train": [("1", "a", 1)]})
    run(folder, tmp_path / "one")
    run(folder, tmp_path / "two")
    for name in ("corpus", "queries", "qrels"):
        first, second = (tmp_path / d / f"{name}.parquet" for d in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()


def test_scifact_as_published(tmp_path: Path) -> None:
    report = run(shared("scifact"), tmp_path)
    assert report.corpus.documents == 5183
    assert report.corpus.duplicate_texts == 0
    assert report.queries.per_split == {"train": 807, "test": 300}
    assert report.queries.equal_to_evaluation_query == 2
    assert report.qrels.per_split["test"] == 339


def test_cranfield_as_published(tmp_path: Path) -> None:
    report = run(shared("cranfield"), tmp_path, mining_split="test", evaluation_split="")
    assert (report.corpus.documents, report.corpus.empty_ids) == (1400, ["471", "995"])
    assert report.qrels.per_split == {"test": 1612}
    assert report.qrels.positives_per_query["test"]["max"] == 39
