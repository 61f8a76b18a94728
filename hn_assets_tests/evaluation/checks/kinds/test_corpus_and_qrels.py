"""Corpora, queries and qrels that must not be trained on are recognized."""

from pathlib import Path

from hn_assets.evaluation.checks.base.last_training_set import dataset_sizes, sample_text_hashes
from hn_assets.evaluation.checks.kinds.corpus_and_qrels import (
    ids_are_unique,
    nothing_is_lost,
    qrels_are_resolvable,
    texts_are_distinct,
    texts_are_kept,
)
from hn_assets_tests.evaluation.checks.dataset_files import (
    TEXTS,
    write_corpus,
    write_qrels,
    write_queries,
)


def test_an_id_that_is_there_twice(tmp_path: Path) -> None:
    assert ids_are_unique(write_corpus(tmp_path, TEXTS)).passed
    found = ids_are_unique(write_corpus(tmp_path, TEXTS, twice="b"))
    assert not found.passed
    assert "1 of 5 have the id of another" in found.message
    found = ids_are_unique(write_queries(tmp_path, "1", "1", "1"))
    assert "2 of 3 have the id of another" in found.message


def test_everything_twice_under_other_ids(tmp_path: Path) -> None:
    doubled = {**TEXTS, **{f"{i}-again": f" {t.upper()} " for i, t in TEXTS.items()}}
    found = texts_are_distinct(write_corpus(tmp_path, doubled), max_duplicate_share=0.3)
    assert not found.passed
    assert found.message.startswith("4 of 8 documents have the text of another, more than 30%")
    assert texts_are_distinct(write_corpus(tmp_path, doubled), max_duplicate_share=0.5).passed
    # empty documents are not counted
    assert texts_are_distinct(write_corpus(tmp_path, dict.fromkeys("abc", "")), 0.0).passed


def test_what_is_gone_since_the_last_training_set(tmp_path: Path) -> None:
    rows = [("1", "a", 1, "train"), ("1", "b", 2, "train"), ("2", "c", 1, "test")]
    path = write_corpus(tmp_path, TEXTS)
    before = dataset_sizes(
        path, write_qrels(tmp_path, *rows, ("2", "d", 0, "test")), "train", "test"
    )
    assert list(before.values()) == [4, 1, 2, 1]
    assert nothing_is_lost(before, before, 0.0).passed
    assert nothing_is_lost(before, None, 0.0).passed
    now = dataset_sizes(path, write_qrels(tmp_path, *rows[:1], rows[2]), "train", "test")
    found = nothing_is_lost(now, before, 0.2)
    assert not found.passed
    assert "positives were 2, and are 1" in found.message
    assert "documents" not in found.message
    assert nothing_is_lost(now, before, 0.5).passed
    assert nothing_is_lost(before, now, 0.0).passed  # more is no loss


def test_texts_that_all_changed_under_the_same_ids(tmp_path: Path) -> None:
    remembered = sample_text_hashes(write_corpus(tmp_path, TEXTS))
    assert len(remembered) == 4
    assert texts_are_kept(write_corpus(tmp_path, TEXTS), remembered, 0.0).passed
    assert texts_are_kept(write_corpus(tmp_path, TEXTS), None, 0.0).passed
    changed = {**TEXTS, "a": "apples apples", "b": "bread bread", "c": "cherries cherries"}
    found = texts_are_kept(write_corpus(tmp_path, changed), remembered, 0.5)
    assert not found.passed
    assert found.message.startswith("75.0% of the last training set's texts are gone or changed")
    assert texts_are_kept(write_corpus(tmp_path, changed), remembered, 0.75).passed


def test_judgements_of_what_is_not_there(tmp_path: Path) -> None:
    path, asked = write_corpus(tmp_path, TEXTS), write_queries(tmp_path, "1")
    good = ("1", "a", 1, "train")
    assert qrels_are_resolvable(path, asked, write_qrels(tmp_path, good), {}, 0.0).passed
    for bad in (("1", "z", 1, "train"), ("7", "a", 1, "train")):
        found = qrels_are_resolvable(path, asked, write_qrels(tmp_path, good, bad), {}, 1.0)
        assert not found.passed
        assert (
            f"1 judgements name a query or a document that does not exist, such as {bad[0]!r}"
            in (found.message)
        )


def test_judgements_that_were_dropped_because_of_their_ids(tmp_path: Path) -> None:
    files = (
        write_corpus(tmp_path, TEXTS),
        write_queries(tmp_path, "1"),
        write_qrels(tmp_path, ("1", "a", 1, "train"), ("1", "b", 1, "train")),
    )
    dropped = {"unknown document": 15, "unknown query": 1, "pair given twice": 2}
    found = qrels_are_resolvable(*files, dropped, 0.1)
    assert not found.passed
    assert found.message.startswith(
        "16 of 20 judgements name a query or a document that does not exist (unknown query: 1, "
        "unknown document: 15), more than 10%."
    )
    assert "checks.max_unresolved_share" in found.message
    assert qrels_are_resolvable(*files, dropped, 0.8).passed
    assert qrels_are_resolvable(*files, {"pair given twice": 100}, 0.0).passed
