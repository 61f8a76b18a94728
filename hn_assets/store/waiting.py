"""A run waits for another one that is making the same, for a bounded time, and says so."""

import time
from logging import Logger

from hn_assets.errors import StoreBusyError

SECONDS_BETWEEN_LOG_LINES = 30.0


class Waiting:
    """How long a run may wait, from its first wait on.

    Args:
        what: What it waits for: the name of a stage or an operation.
        max_seconds: How long it may wait.
        log: Takes the lines that say for whom it waits.
    """

    def __init__(self, what: str, max_seconds: float, log: Logger) -> None:
        self.what = what
        self.log = log
        self._max_seconds = max_seconds
        self._since: float | None = None
        self._last_told = 0.0

    def go_on(self, holder: str) -> None:
        """Say that it waits, unless it has waited for too long.

        Args:
            holder: For whom.

        Raises:
            StoreBusyError: The time is over.
        """
        now = time.monotonic()
        if self._since is None:
            self._since, self._last_told = now, now - SECONDS_BETWEEN_LOG_LINES
        if now - self._since >= self._max_seconds:
            raise StoreBusyError(
                f"{self.what} is being made by {holder}; this run has waited for "
                f"{self._max_seconds:g} seconds, as job.max_wait_seconds says. Run again when the "
                f"other has ended, or end the other"
            )
        if now - self._last_told >= SECONDS_BETWEEN_LOG_LINES:
            self._last_told = now
            self.log.info(f"waiting for another run that is making {self.what}: {holder}")
