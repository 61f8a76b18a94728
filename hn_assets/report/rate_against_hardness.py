"""The false-negative rate of each method against the hardness of its negatives, as a picture."""

from __future__ import annotations

import itertools
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from hn_assets.mining.holdout.audit import CHOSEN, RETRIEVER, describe_method

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# the offset in points of a method's name from its point, and the side it is aligned to; the last
# is taken if none is free
SIDES = [((7, -8), "left"), ((7, 5), "left"), ((-7, 5), "right"), ((-7, -8), "right")]
SIZE, DPI = (7.2, 4.4), 80  # inches; small, as the metadata of every run hold the picture


def draw_rate_against_hardness(methods: pd.DataFrame, title: str) -> bytes:
    """Draw every method's false-negative rate, with its interval, and the mean score it mines.

    Args:
        methods: The rows of `Audit.methods`. Those for which nothing was measured are left out,
            and at least one must remain.
        title: The title above the picture.

    Returns:
        The bytes of a PNG file; equal input gives equal bytes.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    measured = methods[methods.negatives > 0]
    is_own = measured.method == CHOSEN
    by_target = measured[(measured.varies == "target") | (is_own & measured.target.notna())]
    by_hardness = measured[(measured.varies == "hardness") | (is_own & measured.hardness.notna())]
    retriever = measured[RETRIEVER] if RETRIEVER in measured else measured.varies.map(lambda _: "")
    of_all = (measured.varies == "") & ~is_own & (retriever == "")
    markers = itertools.cycle("Dvp<>X")
    for label, rows, style in (
        ("another target rate", by_target.sort_values("target"), "o-"),
        ("another hardness", by_hardness.sort_values("hardness"), "^--"),
        ("another method", measured[of_all], "s"),
        *(
            (f"{name} alone", measured[retriever == name].sort_values("rate"), next(markers))
            for name in retriever[retriever != ""].unique()
        ),
        (CHOSEN, measured[is_own], "*"),
    ):
        if len(rows):
            rate = 100 * rows.rate.to_numpy()
            low = np.maximum(rate - 100 * rows.rate_low.to_numpy(), 0)
            high = np.maximum(100 * rows.rate_high.to_numpy() - rate, 0)
            axes.errorbar(
                rate,
                rows.mean_score.to_numpy(),
                xerr=np.stack([low, high]),
                fmt=style,
                markersize=14 if style == "*" else 5,
                elinewidth=0.7,
                linewidth=1,
                label=label,
            )
    axes.set_xscale("symlog", linthresh=0.1)
    # the names need space at the right
    axes.set_xlim(left=0, right=max(100 * measured.rate.max(), 1) * 6)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("false-negative rate: hidden positives among the negatives, % (95 % interval)")
    axes.set_ylabel("mean score of the negatives")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=4)
    _write_names(figure, axes, measured)
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _write_names(figure: Figure, axes: Axes, measured: pd.DataFrame) -> None:
    """Write each method's name beside its point, on a side that nothing else takes."""
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()  # the places of texts are not known before
    rows = measured.sort_values("mean_score", ascending=False).to_dict("records")
    places = [(100 * row["rate"], row["mean_score"]) for row in rows]
    points = axes.transData.transform(places)
    taken = [Bbox.from_extents(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    for row, place in zip(rows, places, strict=True):
        # the legend says whose point it is
        name = describe_method(row).removeprefix(f"{row.get(RETRIEVER)}, ")
        text = axes.annotate(name, place, SIDES[0][0], textcoords="offset points", fontsize=7)
        for offset, side in SIDES:
            text.set(position=offset, horizontalalignment=side)
            box = text.get_window_extent()
            if box.x1 < axes.bbox.x1 and not any(box.overlaps(other) for other in taken):
                break
        taken.append(text.get_window_extent())
