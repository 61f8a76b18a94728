"""How far a long step is: a bar in a terminal, and a line in the run's log now and then."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from tqdm import tqdm
from typing_extensions import Self

LOG_EVERY = 10.0  # seconds


class Counts(Protocol):
    """What progress is told: so many texts and tokens (0: not known) in so many seconds."""

    texts: int
    tokens: int
    seconds: float


class Progress:
    """Shows how far `what` is of `total` texts or other units, how fast, and how long still.

    The bar is shown where standard error is a terminal; a Dagster step's is not, as its output
    is kept in a file.

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
        """Say what is done by now."""
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
