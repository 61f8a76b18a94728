"""Checks of a fine-tuned model."""

from __future__ import annotations

import json

from hn_assets.evaluation.checks.base.check import Check, CheckInputs
from hn_assets.evaluation.checks.base.result import CheckResult
from hn_assets.evaluation.paired_comparison import PairedComparison
from hn_assets.evaluation.quality_by_query import DECIDES
from hn_assets.store import layout


def model_is_better(comparison: PairedComparison, min_improvement: float) -> CheckResult:
    """Whether the fine-tuned model answers the evaluation split better than the one before.

    It never blocks: what follows from it, the promotion, asks the same question itself.

    Args:
        comparison: nDCG@10 of both models.
        min_improvement: By how much the mean must at least have risen.
    """
    outcome = comparison.outcome(min_improvement)
    seen = f"nDCG@10 is {comparison.describe()}"
    figures = {
        "ndcg_at_10_before": comparison.before,
        "ndcg_at_10": comparison.after,
        "low": comparison.low,
        "high": comparison.high,
    }
    if outcome == "better":
        return CheckResult(True, seen, figures)
    if outcome == "not measured":
        return CheckResult(
            False,
            f"{seen}, so that no model is promoted: mining.evaluation_split names the split",
            blocks=False,
        )
    return CheckResult(
        False,
        f"{outcome}: {seen}. The model is not promoted, and mining goes on with the one before. "
        f"Look at the losses of fine_tuned_model and at the queries that fell in "
        f"fine_tuned_quality; more epochs, another learning rate or other negatives may help",
        figures,
        blocks=False,
    )


def _model_is_better(inputs: CheckInputs) -> CheckResult:
    found = json.loads(inputs.file(layout.FINE_TUNED_QUALITY).read_text(encoding="utf-8"))
    training = inputs.settings.training
    assert training is not None, "only datasets with training have this check"
    return model_is_better(PairedComparison(**found[DECIDES]), training.min_improvement)


CHECKS = (
    Check(
        layout.FINE_TUNED_QUALITY.stage,
        "model_is_better",
        "The fine-tuned model answers the evaluation split better than the one before.",
        _model_is_better,
        is_part_of=lambda settings: settings.training is not None,
    ),
)
