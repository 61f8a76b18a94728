"""The losses of a training, step by step: as a picture, a table and a sentence."""

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


def loss_rows(log: Sequence[Mapping[str, Any]], most: int) -> list[dict[str, Any]]:
    """A row for each step that was logged, evenly thinned; the last one is always there.

    Args:
        log: As for `draw_losses`.
        most: How many rows there may be.
    """
    by_step: dict[int, dict[str, Any]] = {}
    for row in log:
        found = by_step.setdefault(row["step"], {"step": row["step"]})
        found |= {label: round(row[key], 4) for key, label in CURVES.items() if key in row}
    rows = list(by_step.values())
    every = -(-len(rows) // most) if rows else 1
    # a look at the validation part is rarer than a training loss, and says more
    looks = [row for row in rows if CURVES["eval_loss"] in row]
    if every > 1 and looks and len(looks) <= most:
        return looks
    return rows[::-1][::every][::-1]


def last_losses(log: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The last loss of each kind."""
    return {f"{label}_loss": round(_of(log, key)[-1], 4) for key, label in _found(log).items()}


def describe_losses(log: Sequence[Mapping[str, Any]]) -> str:
    """How the losses went, in a sentence without its full stop.

    >>> describe_losses([{"step": 5, "loss": 1.5}, {"step": 9, "loss": 1.0}])
    'the training loss went from 1.5000 to 1.0000'
    """
    parts = [
        f"the {label} loss went from {_of(log, key)[0]:.4f} to {_of(log, key)[-1]:.4f}"
        for key, label in _found(log).items()
    ]
    return ", ".join(parts) or "no loss was logged: there were too few steps"


def _found(log: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {key: label for key, label in CURVES.items() if _of(log, key)}


def _of(log: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    return [float(row[key]) for row in log if key in row]
