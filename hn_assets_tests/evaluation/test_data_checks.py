"""What must hold of texts, judgements, vectors and index: each is found where it does not."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter
from hn_assets.evaluation.checks import data as health
from hn_assets.retrieval.faiss_index import IDS_FILE, INDEX_FILE, build_index
from hn_assets.settings.search import SearchSettings
from hn_assets.store import tables

TEXTS = {"a": "apples", "b": "bread", "c": "cherries", "d": "dates"}


def corpus(folder: Path, texts: dict[str, str], *, twice: str = "") -> Path:
    rows = [{"id": i, "title": "", "text": text} for i, text in texts.items()]
    rows += [row for row in rows if row["id"] == twice]
    path = folder / "corpus.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=tables.CORPUS), path)
    return path


def queries(folder: Path, *ids: str) -> Path:
    rows = [{"id": i, "text": f"query {i}", "split": "train", "prompt": None} for i in ids]
    path = folder / "queries.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=tables.QUERIES), path)
    return path


def qrels(folder: Path, *rows: tuple[str, str, int, str]) -> Path:
    names = tables.QRELS.names
    path = folder / "qrels.parquet"
    judged = [dict(zip(names, row, strict=True)) for row in rows]
    pq.write_table(pa.Table.from_pylist(judged, schema=tables.QRELS), path)
    return path


def vectors(folder: Path, ids: list[str], values: np.ndarray) -> Path:
    path = folder / "vectors.arrow"
    writer = VectorWriter(path)
    writer.write(ids, [bytes(16)] * len(ids), values.astype(np.float32))
    writer.close()
    return path


def unit(count: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, 8))
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_an_id_that_is_there_twice(tmp_path: Path) -> None:
    assert health.ids_are_unique(corpus(tmp_path, TEXTS)).passed
    found = health.ids_are_unique(corpus(tmp_path, TEXTS, twice="b"))
    assert not found.passed
    assert "1 of 5 have the id of another" in found.words
    found = health.ids_are_unique(queries(tmp_path, "1", "1", "1"))
    assert "2 of 3 have the id of another" in found.words


def test_everything_twice_under_other_ids(tmp_path: Path) -> None:
    doubled = {**TEXTS, **{f"{i}-again": f" {t.upper()} " for i, t in TEXTS.items()}}
    found = health.texts_are_distinct(corpus(tmp_path, doubled), max_duplicate_share=0.3)
    assert not found.passed
    assert found.words.startswith("4 of 8 documents have the text of another, more than 30%")
    assert health.texts_are_distinct(corpus(tmp_path, doubled), max_duplicate_share=0.5).passed
    # empty documents are counted elsewhere
    assert health.texts_are_distinct(corpus(tmp_path, dict.fromkeys("abc", "")), 0.0).passed


def test_what_is_gone_since_the_last_training_set(tmp_path: Path) -> None:
    rows = [("1", "a", 1, "train"), ("1", "b", 2, "train"), ("2", "c", 1, "test")]
    path = corpus(tmp_path, TEXTS)
    before = health.sizes(path, qrels(tmp_path, *rows, ("2", "d", 0, "test")), "train", "test")
    assert list(before.values()) == [4, 1, 2, 1]
    assert health.nothing_is_lost(before, before, 0.0).passed
    assert health.nothing_is_lost(before, None, 0.0).passed
    now = health.sizes(path, qrels(tmp_path, *rows[:1], rows[2]), "train", "test")
    found = health.nothing_is_lost(now, before, 0.2)
    assert not found.passed
    assert "positives were 2, and are 1" in found.words
    assert "documents" not in found.words
    assert health.nothing_is_lost(now, before, 0.5).passed
    assert health.nothing_is_lost(before, now, 0.0).passed  # more is no loss


def test_texts_that_all_changed_under_the_same_ids(tmp_path: Path) -> None:
    remembered = health.sample_text_hashes(corpus(tmp_path, TEXTS))
    assert len(remembered) == 4
    assert health.texts_are_kept(corpus(tmp_path, TEXTS), remembered, 0.0).passed
    assert health.texts_are_kept(corpus(tmp_path, TEXTS), None, 0.0).passed
    changed = {**TEXTS, "a": "apples apples", "b": "bread bread", "c": "cherries cherries"}
    found = health.texts_are_kept(corpus(tmp_path, changed), remembered, 0.5)
    assert not found.passed
    assert found.words.startswith("75.0% of the last training set's texts are gone or changed")
    assert health.texts_are_kept(corpus(tmp_path, changed), remembered, 0.75).passed


def test_the_texts_that_are_remembered_are_few_and_always_the_same(tmp_path: Path) -> None:
    many = {str(i): f"text {i}" for i in range(3000)}
    first = health.sample_text_hashes(corpus(tmp_path, many))
    assert len(first) == health.SAMPLE
    backwards = dict(reversed(list(many.items())))
    assert health.sample_text_hashes(corpus(tmp_path, backwards)) == first
    half = {i: text for i, text in many.items() if int(i) % 2}
    found = health.texts_are_kept(corpus(tmp_path, half), first, 0.2)
    assert found.figures["gone_or_changed"] == pytest.approx(0.5, abs=0.06)


def test_judgements_of_what_is_not_there(tmp_path: Path) -> None:
    path, asked = corpus(tmp_path, TEXTS), queries(tmp_path, "1")
    good = ("1", "a", 1, "train")
    assert health.qrels_are_resolvable(path, asked, qrels(tmp_path, good)).passed
    for bad in (("1", "z", 1, "train"), ("7", "a", 1, "train")):
        found = health.qrels_are_resolvable(path, asked, qrels(tmp_path, good, bad))
        assert not found.passed
        assert f"1 judgements name a query or a document that is not there, such as {bad[0]!r}" in (
            found.words
        )


def test_vectors_of_other_texts_or_broken_ones(tmp_path: Path) -> None:
    path, ids = corpus(tmp_path, TEXTS), list(TEXTS)
    assert health.vectors_are_sound(vectors(tmp_path, ids, unit(4)), path, normalize=True).passed
    missing = vectors(tmp_path, ids[:3], unit(3))
    found = health.vectors_are_sound(missing, path, normalize=True)
    assert not found.passed
    assert "3 vectors are not those of the 4 texts" in found.words
    for value in (np.nan, np.inf):
        broken = unit(4)
        broken[2, 3] = value
        found = health.vectors_are_sound(vectors(tmp_path, ids, broken), path, normalize=True)
        assert not found.passed
        assert "1 vectors hold NaN or infinity" in found.words
    long = vectors(tmp_path, ids, 2 * unit(4))
    assert "4 vectors are not of length 1" in (
        health.vectors_are_sound(long, path, normalize=True).words
    )
    assert health.vectors_are_sound(long, path, normalize=False).passed


def test_an_index_of_other_vectors(tmp_path: Path) -> None:
    ids = list(TEXTS)
    path = vectors(tmp_path, ids, unit(4))
    build_index(VectorTable(path), SearchSettings(), tmp_path)
    files = tmp_path / INDEX_FILE, tmp_path / IDS_FILE
    assert health.index_agrees_with_vectors(*files, path).passed
    other = unit(4)
    other[3] = unit(1, seed=9)
    found = health.index_agrees_with_vectors(*files, vectors(tmp_path, ids, other))
    assert not found.passed
    assert "1 of 4 vectors in the index are not those" in found.words
    more = vectors(tmp_path, [*ids, "e"], unit(5))
    assert not health.index_agrees_with_vectors(*files, more).passed
