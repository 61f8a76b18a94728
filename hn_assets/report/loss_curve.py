"""The losses of a training, step by step, as a picture."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

SIZE, DPI = (6.0, 3.2), 80  # inches; small, as the metadata of every run hold the picture
CURVES = {"loss": "training", "eval_loss": "validation"}


def draw_losses(log: Sequence[Mapping[str, Any]]) -> bytes:
    """Draw the loss of the rows that are trained on, and of the validation part if there is one.

    Args:
        log: What was measured while training: `step`, with `loss` or `eval_loss`.

    Returns:
        The bytes of a PNG file; equal input gives equal bytes.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for key, label in CURVES.items():
        points = [(row["step"], row[key]) for row in log if key in row]
        if points:
            axes.plot(*zip(*points, strict=True), "o-", markersize=3, label=label)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    if axes.lines:
        axes.legend(frameon=False)
    picture = BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
