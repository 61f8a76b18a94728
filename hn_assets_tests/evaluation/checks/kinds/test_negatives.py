"""Negatives that must not be trained on are recognized."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.evaluation.checks.base.result import CheckResult
from hn_assets.evaluation.checks.kinds.negatives import (
    negatives_are_enough,
    no_positive_among_negatives,
    no_test_query_is_mined,
    rate_is_within_target,
)
from hn_assets.store import schemas
from hn_assets_tests.evaluation.checks.dataset_files import TEXTS, write_corpus, write_qrels
from hn_assets_tests.mining.calibration_by_score import calibration_by_score


def write_negatives(folder: Path, *pairs: tuple[str, str]) -> Path:
    path = folder / "hard_negatives.parquet"
    rows = [{"query_id": query, "doc_id": doc} for query, doc in pairs]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_audit(folder: Path, rate: float, low: float, high: float, negatives: int = 100) -> Path:
    path = folder / "audit.parquet"
    row = {"method": "these settings", "negatives": negatives}
    row |= {"rate": rate, "rate_low": low, "rate_high": high}
    pd.DataFrame([row]).to_parquet(path)
    return path


def test_a_positive_among_the_negatives_by_id_or_by_text(tmp_path: Path) -> None:
    path = write_corpus(tmp_path, {**TEXTS, "e": "APPLES "})
    judged = write_qrels(
        tmp_path, ("1", "a", 1, "train"), ("1", "b", 0, "train"), ("2", "c", 1, "test")
    )

    def look(*pairs: tuple[str, str]) -> CheckResult:
        mined = write_negatives(tmp_path, *pairs)
        return no_positive_among_negatives(mined, judged, path, include_title=True)

    assert look(("1", "b"), ("1", "c"), ("2", "a")).passed
    by_id = look(("1", "d"), ("2", "c"))
    assert not by_id.passed
    assert (by_id.figures["by_id"], by_id.figures["by_text"]) == (1, 1)
    assert "'c' of query '2'" in by_id.message
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
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.QUERIES), asked)
    assert no_test_query_is_mined(write_negatives(tmp_path, ("1", "a")), asked, "test").passed
    for query in ("2", "3"):
        mined = write_negatives(tmp_path, ("1", "a"), (query, "a"))
        found = no_test_query_is_mined(mined, asked, "test")
        assert not found.passed
        assert f"such as {query!r}" in found.message
        assert no_test_query_is_mined(mined, asked, "").passed


def test_too_few_negatives() -> None:
    assert negatives_are_enough(50, 100, 15, 0.5).passed
    found = negatives_are_enough(49, 100, 15, 0.5)
    assert not found.passed
    assert found.message.startswith("49 of 100 queries have 15 negatives, fewer than 50%")


@pytest.mark.parametrize(
    ("rate", "low", "high", "passed", "blocks"),
    [
        (0.008, 0.005, 0.012, True, True),
        (0.012, 0.008, 0.016, False, False),  # it may still be within: a warning
        (0.030, 0.020, 0.040, False, True),
    ],
)
def test_a_rate_above_the_target_blocks_if_it_is_beyond_doubt(
    tmp_path: Path, rate: float, low: float, high: float, passed: bool, blocks: bool
) -> None:
    found = rate_is_within_target(write_audit(tmp_path, rate, low, high), 0.01)
    assert (found.passed, found.blocks) == (passed, blocks)
    assert f"{rate:.3%} of the negatives are hidden positives" in found.message


@pytest.mark.parametrize(("rate", "passed"), [(0.05, True), (0.2, False)])
def test_an_estimate_is_judged_if_nothing_was_measured_and_never_blocks(
    tmp_path: Path, rate: float, passed: bool
) -> None:
    audit = write_audit(tmp_path, float("nan"), 0, 0, negatives=0)
    calibration = tmp_path / "calibration.json"
    estimate = calibration_by_score(0.5).model_copy(update={"rate": rate, "rate_high": 0.3})
    calibration.write_text(estimate.model_dump_json(), encoding="utf-8")
    found = rate_is_within_target(audit, 0.1, calibration)
    assert found.passed == passed
    assert passed or not found.blocks
    assert f"the estimated rate is {rate:.3%}" in found.message
    assert "hidden positives" not in found.message
    # what was measured decides if anything was
    measured = rate_is_within_target(write_audit(tmp_path, 0.05, 0, 0.1), 0.1, calibration)
    assert measured.passed and "are hidden positives" in measured.message


def test_a_target_without_a_measurement_is_a_warning(tmp_path: Path) -> None:
    path = write_audit(tmp_path, float("nan"), 0, 0, negatives=0)
    found = rate_is_within_target(path, 0.01)
    assert (found.passed, found.blocks) == (False, False)
    assert rate_is_within_target(path, None).passed
