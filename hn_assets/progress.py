"""Shows the progress of a long step: a bar in a terminal, and now and then a line in the log."""

import sys
import time
from collections.abc import Callable
from typing import Protocol

from tqdm import tqdm

from hn_assets.closing import ClosedAtExit

LOG_EVERY = 10.0  # seconds


class Counts(Protocol):
    """How much of a step is done.

    Attributes:
        texts: How many texts, or other units, are done.
        tokens: How many tokens they had; 0 if that is not known.
        seconds: How long it took, in seconds.
    """

    texts: int
    tokens: int
    seconds: float


class Progress(ClosedAtExit):
    """Shows how much of a step is done, how fast it is, and how long it will still take.

    The bar is shown if standard error is a terminal. That of a Dagster step is not, since Dagster
    keeps its output in a file.

    Args:
        what: What is being made, as the bar and the log name it.
        total: How many units there are in all.
        log: The function that writes a line to the log.
        unit: What the units are called.

    >>> from types import SimpleNamespace
    >>> with Progress("corpus", 10, print) as progress:
    ...     progress(SimpleNamespace(texts=10, tokens=500, seconds=2.0))
    corpus: 10 of 10 texts, 250 tokens/s, 0 s left
    """

    def __init__(
        self, what: str, total: int, log: Callable[[str], None], unit: str = "texts"
    ) -> None:
        self._what, self._total, self._log, self._unit = what, total, log, unit
        self._last = time.monotonic()
        self._bar = tqdm(
            total=total, desc=what, unit=f" {unit}", disable=not sys.stderr.isatty(), leave=False
        )

    def __call__(self, counts: Counts) -> None:
        """Update the bar, and write to the log if it is time or if everything is done."""
        self._bar.update(counts.texts - self._bar.n)
        now = time.monotonic()
        if now - self._last < LOG_EVERY and counts.texts < self._total:
            return
        self._last = now
        seconds = max(counts.seconds, 1e-9)
        speed = f"{counts.tokens / seconds:,.0f} tokens/s"
        if not counts.tokens:
            speed = f"{counts.texts / seconds:,.1f} {self._unit}/s"
        left = (self._total - counts.texts) * seconds / max(counts.texts, 1)
        self._log(
            f"{self._what}: {counts.texts:,} of {self._total:,} {self._unit}, "
            f"{speed}, {left:,.0f} s left"
        )

    def close(self) -> None:
        """End the bar."""
        self._bar.close()
