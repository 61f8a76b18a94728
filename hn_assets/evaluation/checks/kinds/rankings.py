"""Checks of the rankings and of how well they answer the evaluation split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hn_assets.evaluation.checks.base.check import Check, CheckInputs
from hn_assets.evaluation.checks.base.last_training_set import NDCG
from hn_assets.evaluation.checks.base.result import CheckResult
from hn_assets.evaluation.retrieval_quality import read_quality
from hn_assets.store import layout


def index_finds_enough(recall: float | None, min_index_recall: float) -> CheckResult:
    """Whether an approximate index finds most of what exact search finds.

    Args:
        recall: The measured share, or None if the search is exact.
        min_index_recall: The lowest share that passes.
    """
    if recall is None:
        return CheckResult(True, "the search is exact", {"index_recall": 1.0})
    seen = f"the index finds {recall:.1%} of what exact search finds"
    if recall >= min_index_recall:
        return CheckResult(True, seen, {"index_recall": recall})
    return CheckResult(
        False,
        f"{seen}, less than {min_index_recall:.0%}: search more of it (search.search_parameters, "
        f"such as nprobe=64), choose another search.index, or lower checks.min_index_recall",
        {"index_recall": recall},
    )


def positives_are_found(recall: float | None, depth: int, min_recall: float) -> CheckResult:
    """Whether the rankings of the mined queries hold their known positives.

    Args:
        recall: The mean share of a query's positives in its ranking, or None if no mined query
            has a positive.
        depth: How many candidates a ranking has.
        min_recall: The lowest share that passes.
    """
    if recall is None:
        return CheckResult(True, "no mined query has a positive to look for")
    figures = {"recall_at_depth": recall, "depth": depth}
    seen = f"{recall:.1%} of the mined queries' positives are among the best {depth}"
    if recall >= min_recall:
        return CheckResult(True, seen, figures)
    return CheckResult(
        False,
        f"{seen}, fewer than {min_recall:.0%}: such a model does not suit this corpus. Look at "
        f"encoding.model, its pooling and its instruction, or lower checks.min_recall",
        figures,
    )


def quality_is_not_worse(
    now: Mapping[str, Any], accepted: float | None, max_ndcg_drop: float
) -> CheckResult:
    """Whether nDCG@10 of the evaluation split is not much lower than at the last training set.

    Args:
        now: The measures of this refresh, by name.
        accepted: nDCG@10 at the last training set, or None.
        max_ndcg_drop: The greatest difference that passes.
    """
    quality = now.get(NDCG)
    if quality is None:
        return CheckResult(True, "there is no evaluation split to measure")
    figures = {NDCG: quality}
    if accepted is None:
        seen = f"nDCG@10 is {quality:.4f}; there is no training set to compare with"
        return CheckResult(True, seen, figures)
    figures[f"{NDCG}_before"] = accepted
    seen = f"nDCG@10 was {accepted:.4f} at the last training set, and is {quality:.4f}"
    if quality >= accepted - max_ndcg_drop:
        return CheckResult(True, seen, figures)
    return CheckResult(
        False,
        f"{seen}: a drop of more than {max_ndcg_drop:g}. Look at the model, and at what changed "
        f"in the source",
        figures,
    )


def _index_finds_enough(inputs: CheckInputs) -> CheckResult:
    candidates = inputs.info(layout.CANDIDATES.stage)
    return index_finds_enough(candidates["index_recall"], inputs.settings.checks.min_index_recall)


def _positives_are_found(inputs: CheckInputs) -> CheckResult:
    candidates = inputs.info(layout.CANDIDATES.stage)
    return positives_are_found(
        candidates["recall_of_mined"], candidates["depth"], inputs.settings.checks.min_recall
    )


CHECKS = (
    Check(
        layout.CANDIDATES.stage,
        "index_finds_enough",
        "An approximate index finds most of what exact search finds.",
        _index_finds_enough,
    ),
    Check(
        layout.CANDIDATES.stage,
        "positives_are_found",
        "The rankings of the mined queries hold their known positives.",
        _positives_are_found,
    ),
    Check(
        layout.RETRIEVAL_QUALITY.stage,
        "quality_is_not_worse",
        "nDCG@10 of the evaluation split is not far lower than at the last training set.",
        lambda inputs: quality_is_not_worse(
            read_quality(inputs.file(layout.RETRIEVAL_QUALITY)),
            inputs.accepted(NDCG),
            inputs.settings.checks.max_ndcg_drop,
        ),
    ),
)
