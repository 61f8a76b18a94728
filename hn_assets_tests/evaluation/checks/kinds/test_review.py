"""The check of the false-negative rate judges by people's verdicts, and by the audit without."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from hn_assets.evaluation.checks.base.result import CheckResult
from hn_assets.evaluation.checks.kinds.review import reviewed_rate_is_within_target
from hn_assets.mining.holdout.rate import FalseNegativeRate
from hn_assets.review.measured_rate import ReviewerErrors
from hn_assets.review.review_result import ReviewResult
from hn_assets_tests.mining.calibration_by_score import calibration_by_score


def look(
    folder: Path,
    rate: FalseNegativeRate | None,
    target: float | None,
    as_judged: FalseNegativeRate | None = None,
    audited: int = 900,
    calibration: Path | None = None,
) -> CheckResult:
    result = ReviewResult(
        sample="one",
        items=150,
        judged=150,
        unsure=0,
        not_in_sample=0,
        negatives=3_000,
        unchanged_share=1,
        why_not_measured="" if rate else "they are of no sample that is known here",
        as_judged=as_judged or rate,
        rate=rate,
        errors=ReviewerErrors(20, 0, 20, 0, 10, 10),
    )
    (folder / "result.json").write_text(result.model_dump_json())
    audit = pd.DataFrame(
        {
            "method": ["these settings"],
            "negatives": [audited],
            "rate": [0.03],
            "rate_low": [0.02],
            "rate_high": [0.04],
        }
    )
    audit.to_parquet(folder / "audit.parquet")
    return reviewed_rate_is_within_target(
        folder / "result.json", folder / "audit.parquet", target, calibration
    )


@pytest.mark.parametrize(
    ("low", "target", "passed", "blocks"),
    [(0.001, 0.02, True, True), (0.001, 0.01, False, False), (0.008, 0.005, False, True)],
)
def test_verdicts_decide(
    tmp_path: Path, low: float, target: float, passed: bool, blocks: bool
) -> None:
    found = look(tmp_path, FalseNegativeRate(0.015, low, 0.05, 0.01, 100), target)
    assert (found.passed, found.blocks) == (passed, blocks)
    assert "1.50 %" in found.message
    assert "measured on 100 negatives" in found.message
    assert f"the target is {target:.3%}" in found.message
    assert found.figures == {"false_negative_rate": 0.015, "negatives_judged": 100}


def test_without_a_target_the_rate_is_told(tmp_path: Path) -> None:
    found = look(tmp_path, FalseNegativeRate(0.015, 0.001, 0.05, 0.01, 100), None)
    assert found.passed
    assert "1.50 %" in found.message


def test_verdicts_that_measure_nothing_leave_it_to_the_audit(tmp_path: Path) -> None:
    found = look(tmp_path, None, 0.01)
    assert not found.passed
    assert found.blocks
    assert "the verdicts measure nothing: they are of no sample" in found.message
    assert "Without them: 3.000% of the negatives are hidden positives" in found.message


@pytest.mark.parametrize(("rate", "passed"), [(0.05, True), (0.2, False)])
def test_if_nothing_could_be_hidden_either_the_estimate_is_looked_at(
    tmp_path: Path, rate: float, passed: bool
) -> None:
    calibration = tmp_path / "calibration.json"
    estimate = calibration_by_score(0.5).model_copy(update={"rate": rate, "rate_high": 0.3})
    calibration.write_text(estimate.model_dump_json(), encoding="utf-8")
    found = look(tmp_path, None, 0.1, audited=0, calibration=calibration)
    assert found.passed == passed
    # an estimate stops no refresh
    assert passed or not found.blocks
    assert f"the estimated rate is {rate:.3%}" in found.message
    assert "hidden positives" not in found.message


def test_a_rate_that_is_beyond_doubt_as_judged_blocks(tmp_path: Path) -> None:
    """Few random documents make the interval reach to 0, which lets no bad refresh pass."""
    rate = FalseNegativeRate(0.13, 0.0, 0.25, 0.03, 100)
    found = look(tmp_path, rate, 0.01, replace(rate, low=0.07))
    assert (found.passed, found.blocks) == (False, True)
    # a reviewer who calls everything relevant is not believed
    passed = look(tmp_path, replace(rate, rate=0.0), 0.01, replace(rate, low=0.07))
    assert passed.passed
