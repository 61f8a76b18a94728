"""What a training set remembers for the checks of later refreshes."""

import json
from pathlib import Path

import pytest

from hn_assets.evaluation.checks.base.last_training_set import (
    SAMPLE,
    accepted_summary,
    sample_text_hashes,
)
from hn_assets.evaluation.checks.kinds.corpus_and_qrels import nothing_is_lost, texts_are_kept
from hn_assets_tests.evaluation.checks.dataset_files import TEXTS, write_corpus, write_qrels


def test_a_summary_is_what_the_checks_of_the_same_refresh_pass_with(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, TEXTS)
    qrels = write_qrels(tmp_path, ("1", "a", 1, "train"), ("2", "c", 1, "test"))
    summary = accepted_summary(corpus, qrels, "train", "test", {"ndcg_at_10": 0.5, "queries": 1})
    assert json.loads(json.dumps(summary)) == summary
    assert summary["ndcg_at_10"] == 0.5
    assert nothing_is_lost(summary["sizes"], summary["sizes"], 0.0).passed
    assert texts_are_kept(corpus, summary["text_hashes"], 0.0).passed


def test_without_an_evaluation_split_no_quality_is_remembered(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, TEXTS)
    qrels = write_qrels(tmp_path, ("1", "a", 1, "train"))
    assert accepted_summary(corpus, qrels, "train", "", {"queries": 0})["ndcg_at_10"] is None


def test_the_texts_that_are_remembered_are_few_and_always_the_same(tmp_path: Path) -> None:
    many = {str(i): f"text {i}" for i in range(3000)}
    first = sample_text_hashes(write_corpus(tmp_path, many))
    assert len(first) == SAMPLE
    backwards = dict(reversed(list(many.items())))
    assert sample_text_hashes(write_corpus(tmp_path, backwards)) == first
    half = {i: text for i, text in many.items() if int(i) % 2}
    found = texts_are_kept(write_corpus(tmp_path, half), first, 0.2)
    assert found.figures["gone_or_changed"] == pytest.approx(0.5, abs=0.06)
