"""Checks of a fine-tuned model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hn_assets.evaluation.checks.base.check import Check, CheckInputs
from hn_assets.evaluation.checks.base.result import CheckResult
from hn_assets.evaluation.paired_comparison import PairedComparison, read_comparison
from hn_assets.evaluation.quality_by_query import DECIDES
from hn_assets.evaluation.training_rounds import (
    NOTHING_TRAINED,
    RATE,
    RATE_HIGH,
    RATE_LOW,
    ROUNDS,
    TRAINED,
    last_two_rates,
)
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
    comparison = read_comparison(inputs.file(layout.FINE_TUNED_QUALITY), DECIDES)
    training = inputs.settings.training
    assert training is not None, "only datasets with training have this check"
    if not inputs.info(layout.FINE_TUNED_MODEL.stage).get(TRAINED, True):
        return CheckResult(
            True,
            f"{NOTHING_TRAINED}: the limit of {training.max_rounds} rounds on the same data is "
            f"reached (training.max_rounds)",
        )
    return model_is_better(comparison, training.min_improvement)


def false_negative_rate_has_not_risen(rounds: Sequence[Mapping[str, Any]]) -> CheckResult:
    """Whether the negatives of the last round have no more false ones than those before.

    It never blocks: a model that was trained on its own negatives ranks unlabelled positives
    higher, too, and how much of that is too much is for people to say.

    Args:
        rounds: The rounds so far, the latest last.
    """
    found = last_two_rates(rounds)
    if found is None:
        return CheckResult(True, "there are no two rounds whose false-negative rate was measured")
    before, now = found
    figures = {"before": before[RATE], "now": now[RATE]}
    seen = (
        f"{before[RATE]:.2f} % of the negatives were false in the round before, and "
        f"{now[RATE]:.2f} % are (measured on hidden positives)"
    )
    if now[RATE_LOW] <= before[RATE_HIGH]:
        return CheckResult(True, seen, figures)
    return CheckResult(
        False,
        f"{seen}: more beyond doubt. A filter, such as filters.target_false_negative_rate, holds "
        f"them down",
        figures,
        blocks=False,
    )


def _rate_has_not_risen(inputs: CheckInputs) -> CheckResult:
    rounds = inputs.info(layout.PROMOTED_MODEL.stage)[ROUNDS]
    return false_negative_rate_has_not_risen(rounds)


CHECKS = (
    Check(
        layout.FINE_TUNED_QUALITY.stage,
        "model_is_better",
        "The fine-tuned model answers the evaluation split better than the one before.",
        _model_is_better,
        version=2,
        is_part_of=lambda settings: settings.training is not None,
    ),
    Check(
        layout.PROMOTED_MODEL.stage,
        "false_negative_rate_has_not_risen",
        "The negatives of the last round have no more false ones than those of the round before.",
        _rate_has_not_risen,
        is_part_of=lambda settings: settings.training is not None,
    ),
)
