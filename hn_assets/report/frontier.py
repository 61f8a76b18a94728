"""Leak against hardness as a picture."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from hn_assets.mining.holdout.audit import CHOSEN

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE_FILE = "frontier.png"
# in points, from a method's place to its name; the last is taken where no other is free
SIDES = [((7, -8), "left"), ((7, 5), "left"), ((-7, 5), "right"), ((-7, -8), "right")]
SIZE, DPI = (7.2, 4.4), 80  # small: the picture stands in the metadata of every run


def draw_frontier(methods: pd.DataFrame, title: str) -> bytes:
    """A PNG of every method's leak (with its interval) and hardness.

    Args:
        methods: `Audit.methods`, of which something was measured.
        title: above the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    measured = methods[methods.negatives > 0]
    is_target = measured.target.notna()
    for label, rows, style in (
        ("a target rate", measured[is_target].sort_values("target"), "o-"),
        ("a method people use", measured[~is_target & (measured.method != CHOSEN)], "s"),
        (CHOSEN, measured[measured.method == CHOSEN], "*"),
    ):
        if len(rows):
            leak = 100 * rows.leak.to_numpy()
            low = np.maximum(leak - 100 * rows.leak_low.to_numpy(), 0)
            high = np.maximum(100 * rows.leak_high.to_numpy() - leak, 0)
            axes.errorbar(
                leak,
                rows.mean_score.to_numpy(),
                xerr=np.stack([low, high]),
                fmt=style,
                markersize=14 if style == "*" else 5,
                elinewidth=0.7,
                linewidth=1,
                label=label,
            )
    axes.set_xscale("symlog", linthresh=0.1)
    # room for the names at the right
    axes.set_xlim(left=0, right=max(100 * measured.leak.max(), 1) * 6)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("hidden positives among the negatives, % (95 % interval)")
    axes.set_ylabel("mean score of the negatives")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    _name(figure, axes, measured)
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _name(figure: Figure, axes: Axes, measured: pd.DataFrame) -> None:
    """Write each method's name beside its place, where nothing else stands."""
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()  # only now is it known where everything stands
    rows = measured.sort_values("mean_score", ascending=False).to_dict("records")
    places = [(100 * row["leak"], row["mean_score"]) for row in rows]
    points = axes.transData.transform(places)
    taken = [Bbox.from_extents(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    for row, place in zip(rows, places, strict=True):
        name = f"target {row['target']:g}" if row["target"] == row["target"] else row["method"]
        text = axes.annotate(str(name), place, SIDES[0][0], textcoords="offset points", fontsize=7)
        for offset, side in SIDES:
            text.set(position=offset, horizontalalignment=side)
            box = text.get_window_extent()
            if box.x1 < axes.bbox.x1 and not any(box.overlaps(other) for other in taken):
                break
        taken.append(text.get_window_extent())
