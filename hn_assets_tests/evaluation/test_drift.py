"""What changed from one refresh to the next."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.evaluation.drift import (
    DOCUMENTS,
    NEGATIVES,
    SOURCE,
    Snapshot,
    compare,
    describe_drift,
    read_drift,
    write_drift,
)
from hn_assets.store import schemas
from hn_assets_tests.evaluation.checks.dataset_files import unit_vectors, write_vectors


def snapshot(
    negatives: dict[str, str], documents: dict[str, str], score: float = 0.5, positive: float = 0.8
) -> Snapshot:
    """Queries with the ids of their negatives; documents with their texts."""
    rows = [
        {"query_id": q, "doc_id": d, "score": score, "positive_score": positive}
        for q, docs in negatives.items()
        for d in docs.split()
    ]
    texts = [{"id": i, "text_key": text.encode().ljust(16)} for i, text in documents.items()]
    return Snapshot(
        pa.Table.from_pylist(rows, schema=NEGATIVES), pa.Table.from_pylist(texts, schema=DOCUMENTS)
    )


def with_sources(taken: Snapshot, *sources: str) -> Snapshot:
    return replace(taken, negatives=taken.negatives.append_column(SOURCE, pa.array(sources)))


BEFORE = snapshot({"1": "a b", "2": "c d"}, {"a": "x", "b": "y", "c": "z", "d": "w"})


def test_nothing_changed() -> None:
    found = compare(BEFORE, BEFORE)
    assert (found.overlap, found.negative_shift, found.positive_shift) == (1, 0, 0)
    assert (found.documents_added, found.documents_removed, found.documents_changed) == (0, 0, 0)
    assert (found.queries_gained, found.queries_lost, found.queries_kept) == (0, 0, 2)


def test_each_change_is_counted_where_it_belongs() -> None:
    now = snapshot({"1": "a e", "3": "a"}, {"a": "x", "b": "other", "c": "z", "e": "v", "f": "u"})
    found = compare(BEFORE, now)
    assert (found.documents_added, found.documents_removed, found.documents_changed) == (2, 1, 1)
    assert (found.queries_gained, found.queries_lost, found.queries_kept) == (1, 1, 1)
    assert found.overlap == pytest.approx(1 / 3), "of query 1: a, of a, b and e"


def test_the_share_that_each_retriever_found_is_compared(tmp_path: Path) -> None:
    before = with_sources(BEFORE, "dense", "dense", "dense", "bm25")
    now = with_sources(BEFORE, "dense", "dense+bm25", "bm25", "random")
    found = compare(before, now)
    assert found.retriever_shift == {"bm25": 0.25, "dense": -0.25}
    files = tmp_path / "n.parquet", tmp_path / "d.parquet"
    now.write(*files)
    again = compare(Snapshot.read(*files), now)
    assert again.retriever_shift == {"bm25": 0.0, "dense": 0.0}
    write_drift(tmp_path / "drift.json", found)
    assert read_drift(tmp_path / "drift.json") == found
    assert describe_drift(found)["share_found_by_bm25_shift"] == 0.25
    # what was ranked by the encoder alone before has no shares to compare with
    assert compare(BEFORE, now).retriever_shift == {}
    # with the encoder alone, the files are as they have always been
    write_drift(tmp_path / "drift.json", compare(BEFORE, BEFORE))
    assert "retriever" not in (tmp_path / "drift.json").read_text()


def test_a_kept_query_without_a_shared_negative_counts_as_no_overlap() -> None:
    found = compare(BEFORE, snapshot({"1": "a b", "2": "a"}, {"a": "x"}))
    assert found.overlap == pytest.approx((1 + 0) / 2)


def test_scores_are_compared_over_the_queries_that_were_kept() -> None:
    now = snapshot({"1": "a b", "9": "a b"}, {"a": "x"}, score=0.7, positive=0.75)
    found = compare(BEFORE, now)
    assert found.negative_shift == pytest.approx(0.2)
    assert found.positive_shift == pytest.approx(-0.05)


def test_no_query_was_kept() -> None:
    found = compare(BEFORE, snapshot({"7": "a"}, {"a": "x"}))
    assert (found.overlap, found.negative_shift, found.queries_kept) == (1, 0, 0)


def test_a_snapshot_is_read_as_it_was_written(tmp_path: Path) -> None:
    files = tmp_path / "n.parquet", tmp_path / "d.parquet"
    BEFORE.write(*files)
    assert compare(BEFORE, Snapshot.read(*files)).overlap == 1
    assert compare(Snapshot.read(*files), BEFORE).documents_changed == 0


def test_a_snapshot_is_taken_from_the_files_of_a_refresh(tmp_path: Path) -> None:
    row = {"source": "dense", "score": 0.5}
    first = {**row, "query_id": "1", "positive_scores": [0.7, 0.9]}
    other = {**row, "query_id": "2", "doc_id": "a", "positive_scores": [0.1]}
    rows = [{**first, "doc_id": "a"}, {**first, "doc_id": "b"}, other]
    table = pa.Table.from_pylist(rows, schema=schemas.HARD_NEGATIVES)
    pq.write_table(table, tmp_path / "negatives.parquet")
    vectors = write_vectors(tmp_path, ["a", "b"], unit_vectors(2))
    taken = Snapshot.take(tmp_path / "negatives.parquet", vectors)
    assert taken.negatives["positive_score"].to_pylist() == pytest.approx([0.8, 0.8, 0.1])
    assert taken.documents.to_pydict() == {"id": ["a", "b"], "text_key": [bytes(16)] * 2}


def test_drift_is_read_as_it_was_written(tmp_path: Path) -> None:
    drift = compare(BEFORE, BEFORE)
    for written in (drift, None):
        write_drift(tmp_path / "drift.json", written)
        assert read_drift(tmp_path / "drift.json") == written


def test_the_description_says_what_it_is_compared_with() -> None:
    assert "first good refresh" in describe_drift(None)["compared_with"]
    described = describe_drift(compare(BEFORE, BEFORE))
    assert (described["compared_with"], described["overlap"]) == ("the last good refresh", 1)
