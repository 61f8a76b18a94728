"""The page of a refresh: one HTML file that needs nothing beside it and can be read offline."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.resources import files
from typing import Any

from hn_assets.evaluation.drift import Drift
from hn_assets.evaluation.retrieval_quality import JOINED, RETRIEVERS
from hn_assets.mining.holdout.audit import CHOSEN, describe_method
from hn_assets.mining.holdout.holdout import HIDDEN_SHARE
from hn_assets.report.advice import training_advice
from hn_assets.report.charts import draw_outcomes, draw_quality, draw_ranks, draw_scores
from hn_assets.report.summary import RefreshSummary
from hn_assets.report.training_summary import TrainingSummary
from hn_assets.text import printable
from hn_assets.trial.outcome import TrialOutcome, describe_agreement

CHANGES = {
    "documents_added": "documents added",
    "documents_removed": "documents removed",
    "documents_changed": "documents with another text",
    "queries_gained": "queries that have negatives now and had none",
    "queries_lost": "queries that had negatives and have none now",
    "queries_kept": "queries with negatives in both refreshes",
    "overlap": "overlap of a kept query's negatives in both refreshes (Jaccard)",
    "negative_shift": "change of the negatives' mean score",
    "positive_shift": "change of the positives' mean score",
}


def render_report(
    dataset: str,
    summary: RefreshSummary,
    audit_chart: bytes | None,
    training: TrainingSummary | None = None,
    trial: TrialOutcome | None = None,
) -> str:
    """Write the page as HTML.

    Args:
        dataset: The name of the dataset.
        summary: What the page shows.
        audit_chart: The PNG of `draw_rate_against_hardness`, or None if nothing was measured.
        training: What came of training, or None if the dataset has none.
        trial: What came of the trial, or None if the dataset has none.
    """
    from jinja2 import Environment
    from markupsafe import Markup

    charts: dict[str, Any] = {"outcomes": Markup(draw_outcomes(summary.outcomes))}
    if summary.negatives:
        charts["scores"] = Markup(draw_scores(summary.positive_scores, summary.negative_scores))
        if len(summary.ranks):
            charts["ranks"] = Markup(draw_ranks(summary.ranks))
    if summary.history:
        charts["quality"] = Markup(draw_quality(summary.history))
    if audit_chart:
        charts["audit"] = base64.b64encode(audit_chart).decode()
    # the texts of a corpus may hold anything, markup included
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_finalize
    )
    template = environment.from_string(
        files("hn_assets.report").joinpath("page.html").read_text(encoding="utf-8")
    )
    return template.render(
        hidden_share=HIDDEN_SHARE,
        dataset=dataset,
        time=_format_time(summary.time),
        summary=summary,
        training=training,
        trial=trial,
        agreement="" if trial is None else describe_agreement(trial.agreement),
        tiles=headline(summary),
        charts=charts,
        methods=list(_methods(summary)),
        retrievers=_retrievers(summary),
        changes=_changes(summary.drift),
        advice=training_advice(summary.verdicts),
        not_passed=[verdict for verdict in summary.verdicts if verdict.state != "passed"],
    )


def _finalize(value: Any) -> Any:
    """Texts without control characters; markup, which is made here, as it is."""
    return printable(value) if type(value) is str else value


def headline(summary: RefreshSummary) -> list[dict[str, str]]:
    """The figures to see first, each with its name, its value and a note."""
    share = summary.queries_with_enough / max(summary.queries, 1)
    drawn = f", {summary.random:,} of them drawn at random" if summary.random else ""
    left = summary.queries_left_short
    unsearched = f"; queries not searched deeper for the budget: {left:,}" if left else ""
    tiles = [
        _tile(
            "queries mined",
            f"{summary.queries:,}",
            f"{summary.num_negatives} negatives wanted each",
        ),
        _tile(
            "with enough negatives",
            f"{share:.1%}",
            f"{summary.negatives:,} negatives in all{drawn}{unsearched}",
        ),
    ]
    own = summary.methods[summary.methods.method == CHOSEN].to_dict("records")
    reviewed = None if summary.review is None else summary.review.rate
    if reviewed is not None:
        low_to_high = _interval(reviewed.low, reviewed.high)
        interval = f"measured by people's verdicts; 95 % interval: {low_to_high}"
        tiles.append(_tile("false-negative rate", f"{100 * reviewed.rate:.2f} %", interval))
    elif own:
        rate = f"{100 * own[0]['rate']:.2f} %"
        interval = f"measured; 95 % interval: {_interval(own[0]['rate_low'], own[0]['rate_high'])}"
        tiles.append(_tile("false-negative rate", rate, interval))
    else:
        tiles.append(_tile("false-negative rate", "?", "not measurable here"))
    if summary.history:
        now = summary.history[-1]["ndcg_at_10"]
        note = "first measurement"
        if summary.ndcg_before is not None:
            note = f"{now - summary.ndcg_before:+.4f} since the last good refresh"
        tiles.append(_tile("nDCG@10", f"{now:.4f}", note))
    if summary.drift is not None:
        overlap = f"{summary.drift.overlap:.0%}"
        tiles.append(_tile("negatives kept", overlap, "since the last good refresh"))
    return tiles


def _interval(low: float, high: float) -> str:
    return f"{100 * low:.2f} to {100 * high:.2f}"


def _tile(name: str, value: str, note: str) -> dict[str, str]:
    return {"name": name, "value": value, "note": note}


def _methods(summary: RefreshSummary) -> Iterable[dict[str, Any]]:
    """The rows of the table of methods, with shares in percent."""
    for row in summary.methods.to_dict("records"):
        yield {
            "name": describe_method(row),
            "own": row["method"] == CHOSEN,
            "rate": 100 * row["rate"],
            "low": 100 * row["rate_low"],
            "high": 100 * row["rate_high"],
            "score": row["mean_score"],
            "full": 100 * row["full_query_share"],
        }


def _changes(drift: Drift | None) -> list[tuple[str, str]]:
    if drift is None:
        return []
    values = asdict(drift)
    changes = [
        (label, f"{values[name]:+.4f}" if name.endswith("shift") else _format(values[name]))
        for name, label in CHANGES.items()
    ]
    return changes + [
        (f"change of the share of negatives that {name} found", f"{shift:+.1%}")
        for name, shift in drift.retriever_shift.items()
    ]


def _retrievers(summary: RefreshSummary) -> list[dict[str, Any]]:
    """What each of several retrievers reaches on the evaluation split, and all of them joined."""
    if not summary.history or not summary.history[-1].get(RETRIEVERS):
        return []
    now = summary.history[-1]
    return [{"name": name, **one} for name, one in {**now[RETRIEVERS], JOINED: now}.items()]


def _format(value: float) -> str:
    return f"{value:.1%}" if isinstance(value, float) else f"{value:,}"


def _format_time(time: str) -> str:
    """A time in ISO 8601, as people read it.

    >>> _format_time("2025-03-01T06:00:00+00:00")
    '2025-03-01 06:00:00 UTC'
    """
    utc = datetime.fromisoformat(time).astimezone(timezone.utc)
    return f"{utc:%Y-%m-%d %H:%M:%S} UTC"
