"""Charts as SVG within the page, which gives them their size and fonts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.rules.reasons import CHOSEN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (4.8, 3.0)  # inches; small, so that the letters can be read on a phone
BLUE, RED, GREY = "#2563a8", "#c2410c", "#64748b"
# the measures that the page shows, with their labels
CHARTED_MEASURES = {"ndcg_at_10": "nDCG@10", "recall_at_100": "recall@100", "mrr_at_10": "MRR@10"}


def draw_scores(positives: NDArray[np.float32], negatives: NDArray[np.float32]) -> str:
    """Draw how high positives and negatives score, as shares of each.

    Args:
        positives: The scores of the positives, shape (positives,).
        negatives: The scores of the negatives, shape (negatives,); at least one.
    """
    figure, axes = _start("score", "share of each, %")
    both = np.concatenate([positives, negatives])
    bins = np.linspace(float(both.min()), float(both.max()) + 1e-6, 41).tolist()
    for values, label, colour in (
        (negatives, "chosen negatives", RED),
        (positives, "positives", BLUE),
    ):
        weights = np.full(len(values), 100 / max(len(values), 1))
        axes.hist(values, bins, weights=weights, color=colour, alpha=0.6, label=label)
    axes.legend(fontsize=9, frameon=False)
    return _finish(figure, "scores")


def draw_ranks(ranks: NDArray[np.int32]) -> str:
    """Draw which ranks the negatives come from.

    Args:
        ranks: The rank of each negative, counted from 0, shape (negatives,); at least one.
    """
    figure, axes = _start("rank of the negative among all candidates", "negatives")
    last = int(ranks.max()) + 1
    width = -(-last // 40)  # a bar holds whole ranks
    axes.hist(ranks, list(range(0, last + width, width)), color=RED, alpha=0.75)
    return _finish(figure, "ranks")


def draw_quality(history: Sequence[Mapping[str, Any]]) -> str:
    """Draw the measures of the evaluation split, refresh by refresh.

    Args:
        history: The measurements, each with its time and its measures by name, the latest last.
    """
    figure, axes = _start("refresh", "")
    days = [str(row["time"])[:10] for row in history]
    for (name, label), colour in zip(CHARTED_MEASURES.items(), (BLUE, GREY, RED), strict=True):
        axes.plot([row[name] for row in history], "o-", color=colour, label=label, markersize=4)
    shown = np.unique(np.linspace(0, len(days) - 1, min(len(days), 4)).round().astype(int))
    axes.set_xticks(shown, [days[i] for i in shown], fontsize=8)
    axes.set_ylim(0, 1)
    axes.legend(fontsize=9, frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    return _finish(figure, "quality")


def draw_outcomes(outcomes: Mapping[str, int]) -> str:
    """Draw what became of all candidates.

    Args:
        outcomes: How many candidates had each outcome, in the order in which they are shown.
    """
    figure, axes = _start("candidates, %", "")
    total = sum(outcomes.values())
    names = list(outcomes)[::-1]
    shares = [100 * outcomes[name] / total for name in names]
    axes.barh(names, shares, color=[RED if name == CHOSEN else GREY for name in names])
    for place, share in enumerate(shares):
        axes.text(share + 1, place, f"{share:.1f}", va="center", fontsize=8)
    axes.set_xlim(0, 112)
    axes.tick_params(axis="y", labelsize=8)
    return _finish(figure, "outcomes")


def _start(x: str, y: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _finish(figure: Figure, name: str) -> str:
    """The SVG element without what only a file of its own needs; equal input gives equal bytes."""
    import matplotlib

    buffer = StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    head, _, body = svg[svg.index("<svg") :].partition(">")
    head = re.sub(r' (width|height)="[^"]*"', "", head)  # the page sizes it by its viewBox
    return head + ">" + re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
