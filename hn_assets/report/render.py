"""The page itself: one HTML file that needs nothing beside it, and no network."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from hn_assets.evaluation.checks.result import Verdict
from hn_assets.mining.holdout.audit import CHOSEN
from hn_assets.report.charts import draw_outcomes, draw_quality, draw_ranks, draw_scores
from hn_assets.report.collect import Refresh

CHANGES = {
    "documents_added": "documents added",
    "documents_removed": "documents removed",
    "documents_changed": "documents changed",
    "queries_gained": "queries gained",
    "queries_lost": "queries lost",
    "queries_kept": "queries kept",
    "overlap": "overlap of a kept query's negatives, then and now",
    "negative_shift": "mean score of negatives, change",
    "positive_shift": "mean score of positives, change",
}


def render_report(dataset: str, time: str, refresh: Refresh, frontier: bytes | None) -> str:
    """The page as HTML.

    Args:
        dataset: its name.
        time: of the refresh, for people.
        refresh: what is shown.
        frontier: PNG of leak against hardness; None where nothing was measured.
    """
    from jinja2 import Environment
    from markupsafe import Markup

    charts: dict[str, Any] = {"outcomes": Markup(draw_outcomes(refresh.outcomes))}
    if refresh.negatives:
        charts["scores"] = Markup(draw_scores(refresh.positive_scores, refresh.negative_scores))
        charts["ranks"] = Markup(draw_ranks(refresh.ranks))
    if refresh.history:
        charts["quality"] = Markup(draw_quality(refresh.history))
    if frontier:
        charts["frontier"] = base64.b64encode(frontier).decode()
    # texts of a corpus may hold anything, markup included
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(
        files("hn_assets.report").joinpath("page.html").read_text(encoding="utf-8")
    )
    return template.render(
        dataset=dataset,
        time=time,
        refresh=refresh,
        tiles=headline(refresh),
        charts=charts,
        methods=_methods(refresh),
        changes=_changes(refresh.drift),
        answer=training_advice(refresh.verdicts),
        noticed=[v for v in refresh.verdicts if v.state != "passed"],
    )


def training_advice(verdicts: Sequence[Verdict]) -> str:
    """Whether these negatives may be trained on, in a sentence.

    >>> training_advice([Verdict("corpus", "ids_are_unique", "passed", "each has an id of its own")])
    'Yes: the 1 check of this refresh passed.'
    """
    count = Counter(v.state for v in verdicts)
    if count["not run"]:
        return (
            f"Not known: {count['not run']} of {len(verdicts)} checks have not looked at these "
            f"files. Materialize the whole dataset, checks included."
        )
    if count["accepted"]:
        failed = _checks(count["accepted"])
        return f"Only if it is meant: {failed} failed, and somebody let the refresh go on."
    if count["warned"]:
        return f"Yes, with care: {_checks(count['warned'])} of {len(verdicts)} warned."
    return f"Yes: the {_checks(len(verdicts))} of this refresh passed."


def _checks(count: int) -> str:
    return f"{count} check{'' if count == 1 else 's'}"


def headline(refresh: Refresh) -> list[dict[str, str]]:
    """The figures to see first: name, value, note."""
    tiles = [
        _tile("queries mined", f"{refresh.queries:,}", f"{refresh.wanted} negatives wanted each"),
        _tile(
            "with enough negatives",
            f"{refresh.enough / max(refresh.queries, 1):.1%}",
            f"{refresh.negatives:,} negatives in all",
        ),
    ]
    own = refresh.methods[refresh.methods.method == CHOSEN].to_dict("records")
    if own:
        low, high = 100 * own[0]["leak_low"], 100 * own[0]["leak_high"]
        leak = f"{100 * own[0]['leak']:.2f} %"
        tiles.append(_tile("hidden positives leaked", leak, f"95 %: {low:.2f} to {high:.2f}"))
    else:
        tiles.append(_tile("hidden positives leaked", "?", "not measurable here"))
    if refresh.history:
        now = refresh.history[-1]["ndcg_at_10"]
        note = "first measurement"
        if refresh.ndcg_before is not None:
            note = f"{now - refresh.ndcg_before:+.4f} since the last good refresh"
        tiles.append(_tile("nDCG@10", f"{now:.4f}", note))
    if refresh.drift is not None:
        tiles.append(
            _tile(
                "negatives kept", f"{refresh.drift['overlap']:.0%}", "since the last good refresh"
            )
        )
    return tiles


def _tile(name: str, value: str, note: str) -> dict[str, str]:
    return {"name": name, "value": value, "note": note}


def _methods(refresh: Refresh) -> list[dict[str, Any]]:
    return [
        {
            "name": row["method"],
            "own": row["method"] == CHOSEN,
            "leak": 100 * row["leak"],
            "low": 100 * row["leak_low"],
            "high": 100 * row["leak_high"],
            "score": row["mean_score"],
            "full": 100 * row["full"],
        }
        for row in refresh.methods.to_dict("records")
    ]


def _changes(drift: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if drift is None:
        return []
    return [
        (label, f"{drift[name]:+.4f}" if name.endswith("shift") else _figure(drift[name]))
        for name, label in CHANGES.items()
    ]


def _figure(value: float) -> str:
    return f"{value:.1%}" if isinstance(value, float) else f"{value:,}"
