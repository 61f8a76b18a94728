"""Checks of what people's verdicts say of the negatives."""

from pathlib import Path

from hn_assets.evaluation.checks.base.check import Check, CheckInputs
from hn_assets.evaluation.checks.base.result import CheckResult
from hn_assets.evaluation.checks.kinds.negatives import rate_is_within_target
from hn_assets.review.review_result import ReviewResult
from hn_assets.store import layout
from hn_assets.trial.chosen_plan import chosen_plan


def reviewed_rate_is_within_target(
    result: Path, audit: Path, target: float | None, calibration: Path | None = None
) -> CheckResult:
    """Whether the false-negative rate by people's verdicts is not above the target.

    If it is above the target, the check warns. If even the lower end of the interval as judged is
    above it, the check blocks: how few random documents a reviewer saw, which widens the interval
    without the reviewer's errors, lets no bad refresh pass. If the verdicts measure nothing, the
    audit is looked at, and what the calibration estimates if the audit measured nothing either.

    Args:
        result: The JSON file of the review's result.
        audit: The Parquet file of the false-negative audit.
        target: `filters.target_false_negative_rate`.
        calibration: The JSON file of the calibration; None if there is none.
    """
    reviewed = ReviewResult.read(result)
    if reviewed.rate is None or reviewed.as_judged is None:
        audited = rate_is_within_target(audit, target, calibration)
        return CheckResult(
            audited.passed,
            f"{reviewed.describe()}. Without them: {audited.message}",
            audited.figures,
            audited.blocks,
        )
    rate = reviewed.rate
    figures = {"false_negative_rate": rate.rate, "negatives_judged": rate.negatives}
    if target is None:
        seen = f"{reviewed.describe()}; no filters.target_false_negative_rate is set"
        return CheckResult(True, seen, figures)
    seen = f"{reviewed.describe()}; the target is {target:.3%}"
    if rate.rate <= target:
        return CheckResult(True, seen, figures)
    return CheckResult(
        False,
        f"{seen}. Lower the target, or judge more negatives (review.num_negatives)",
        figures,
        blocks=max(rate.low, reviewed.as_judged.low) > target,
    )


def _false_negative_rate(inputs: CheckInputs) -> CheckResult:
    _, filters = chosen_plan(inputs.settings, inputs.file)
    return reviewed_rate_is_within_target(
        inputs.file(layout.REVIEW_RESULT),
        inputs.file(layout.FALSE_NEGATIVE_AUDIT),
        filters.target_false_negative_rate,
        inputs.file(layout.CALIBRATION) if filters.is_calibrated else None,
    )


CHECKS = (
    Check(
        layout.REVIEW_RESULT.stage,
        "false_negative_rate",
        "The false-negative rate by people's verdicts is not above the target.",
        _false_negative_rate,
        version=2,
        is_part_of=lambda settings: settings.has_verdicts,
    ),
)
