"""Reads what the page shows of a fine-tuned model."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hn_assets.evaluation.paired_comparison import read_comparison
from hn_assets.evaluation.quality_by_query import DECIDES, greatest_changes
from hn_assets.report.loss_curve import draw_losses


@dataclass(frozen=True)
class TrainingSummary:
    """What the page shows of training.

    Attributes:
        loss_curve: The PNG of the losses as base64; empty if nothing was trained in this refresh.
        trained: Whether anything was trained; it is not after the last round.
        comparison: The comparison with the model before, as a sentence without its full stop.
        outcome: `better`, `worse`, `no difference was found` or `not measured`.
        rounds: The rounds so far, the latest last, as the manifest of `promoted_model` has them.
        rises: The queries that rose most, from `greatest_changes`.
        falls: The queries that fell most.
    """

    loss_curve: str
    trained: bool
    comparison: str
    outcome: str
    rounds: Sequence[Mapping[str, Any]]
    rises: Sequence[Mapping[str, Any]]
    falls: Sequence[Mapping[str, Any]]


def collect_training(
    training_log: Path,
    quality: Path,
    by_query: Path,
    queries: Path,
    *,
    rounds: Sequence[Mapping[str, Any]],
    min_improvement: float,
) -> TrainingSummary:
    """Read what the page shows.

    Args:
        training_log: The log of `fine_tuned_model`.
        quality: The JSON file of `fine_tuned_quality`.
        by_query: Its Parquet file.
        queries: The Parquet file of the queries.
        rounds: The history of `promoted_model`.
        min_improvement: `training.min_improvement`.
    """
    trained = json.loads(training_log.read_text(encoding="utf-8"))  # {} if nothing was trained
    log = trained.get("log", [])
    comparison = read_comparison(quality, DECIDES)
    return TrainingSummary(
        loss_curve=base64.b64encode(draw_losses(log)).decode() if log else "",
        trained=bool(trained),
        comparison=comparison.describe(),
        outcome=comparison.outcome(min_improvement),
        rounds=rounds,
        rises=greatest_changes(by_query, queries, falls=False),
        falls=greatest_changes(by_query, queries, falls=True),
    )
