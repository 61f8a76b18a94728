"""What must hold of rankings and negatives: each is found where it does not."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.evaluation.checks import negatives as trust
from hn_assets.store import tables
from hn_assets_tests.evaluation.test_data_checks import TEXTS, corpus, qrels


def negatives(folder: Path, *pairs: tuple[str, str]) -> Path:
    path = folder / "hard_negatives.parquet"
    rows = [{"query_id": query, "doc_id": doc} for query, doc in pairs]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def audit(folder: Path, leak: float, low: float, high: float, negatives: int = 100) -> Path:
    path = folder / "audit.parquet"
    row = {"method": "these settings", "negatives": negatives}
    row |= {"leak": leak, "leak_low": low, "leak_high": high}
    pd.DataFrame([row]).to_parquet(path)
    return path


def test_an_approximate_index_that_finds_too_little() -> None:
    assert trust.index_finds_enough(None, 1.0).passed
    assert trust.index_finds_enough(0.95, 0.9).passed
    found = trust.index_finds_enough(0.85, 0.9)
    assert not found.passed
    assert "85.0% of what exact search finds, less than 90%" in found.words


def test_positives_that_no_ranking_holds() -> None:
    assert trust.positives_are_found(None, 100, 1.0).passed
    assert trust.positives_are_found(0.3, 100, 0.3).passed
    found = trust.positives_are_found(0.02, 225, 0.3)
    assert not found.passed
    assert "2.0% of the mined queries' positives are among the best 225" in found.words


def test_a_drop_of_quality() -> None:
    now = {"queries": 5, "ndcg_at_10": 0.60}
    assert trust.quality_is_not_worse(now, None, 0.0).passed
    assert trust.quality_is_not_worse({"queries": 0}, 0.9, 0.0).passed
    assert trust.quality_is_not_worse(now, 0.64, 0.05).passed
    assert trust.quality_is_not_worse(now, 0.5, 0.0).passed
    found = trust.quality_is_not_worse(now, 0.66, 0.05)
    assert not found.passed
    assert "nDCG@10 was 0.6600 at the last training set, and is 0.6000" in found.words


def test_a_positive_among_the_negatives_by_id_or_by_text(tmp_path: Path) -> None:
    path = corpus(tmp_path, {**TEXTS, "e": "APPLES "})
    judged = qrels(tmp_path, ("1", "a", 1, "train"), ("1", "b", 0, "train"), ("2", "c", 1, "test"))

    def look(*pairs: tuple[str, str]) -> trust.CheckResult:
        mined = negatives(tmp_path, *pairs)
        return trust.no_positive_among_negatives(mined, judged, path, include_title=True)

    assert look(("1", "b"), ("1", "c"), ("2", "a")).passed
    by_id = look(("1", "d"), ("2", "c"))
    assert not by_id.passed
    assert (by_id.figures["by_id"], by_id.figures["by_text"]) == (1, 1)
    assert "'c' of query '2'" in by_id.words
    by_text = look(("1", "e"))
    assert not by_text.passed
    assert (by_text.figures["by_id"], by_text.figures["by_text"]) == (0, 1)


def test_a_test_query_among_the_mined_by_id_or_by_text(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "text": "what is an apple", "split": "train", "prompt": None},
        {"id": "2", "text": "what is bread", "split": "test", "prompt": None},
        {"id": "3", "text": "What is  bread", "split": "train", "prompt": None},
    ]
    asked = tmp_path / "queries.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=tables.QUERIES), asked)
    assert trust.no_test_query_is_mined(negatives(tmp_path, ("1", "a")), asked, "test").passed
    for query in ("2", "3"):
        mined = negatives(tmp_path, ("1", "a"), (query, "a"))
        found = trust.no_test_query_is_mined(mined, asked, "test")
        assert not found.passed
        assert f"such as {query!r}" in found.words
        assert trust.no_test_query_is_mined(mined, asked, "").passed


def test_too_few_negatives() -> None:
    assert trust.negatives_are_enough(50, 100, 15, 0.5).passed
    found = trust.negatives_are_enough(49, 100, 15, 0.5)
    assert not found.passed
    assert found.words.startswith("49 of 100 queries have 15 negatives, fewer than 50%")


@pytest.mark.parametrize(
    ("leak", "low", "high", "passed", "blocks"),
    [
        (0.008, 0.005, 0.012, True, True),
        (0.012, 0.008, 0.016, False, False),  # it may still be within: a warning
        (0.030, 0.020, 0.040, False, True),
    ],
)
def test_a_leak_above_the_target_blocks_where_it_is_beyond_doubt(
    tmp_path: Path, leak: float, low: float, high: float, passed: bool, blocks: bool
) -> None:
    found = trust.rate_is_within_target(audit(tmp_path, leak, low, high), 0.01)
    assert (found.passed, found.blocks) == (passed, blocks)
    assert f"{leak:.3%} of the negatives are hidden positives" in found.words


def test_a_target_without_a_measurement_is_a_warning(tmp_path: Path) -> None:
    path = audit(tmp_path, float("nan"), 0, 0, negatives=0)
    found = trust.rate_is_within_target(path, 0.01)
    assert (found.passed, found.blocks) == (False, False)
    assert trust.rate_is_within_target(path, None).passed
