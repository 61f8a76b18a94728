"""Who is making a stage: named to people who wait for it."""

import os
import socket
from datetime import datetime, timezone
from pathlib import Path

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Holder:
    """A run in a process on a machine.

    Attributes:
        host: The name of the machine or container.
        pid: The id of the process there.
        run: The id of Dagster's run, if it is one.
        taken_at: When it began, in UTC by its own clock, for people alone.
        folder: Says which local folder it works in, if it has that folder's lock.
    """

    host: str
    pid: int
    run: str
    taken_at: str
    folder: str = ""

    @classmethod
    def of_this_process(cls, run: str = "", locked: Path | None = None) -> "Holder":
        """This process.

        Args:
            run: The id of the run.
            locked: The local folder whose lock this process has, as no other can have it then.
        """
        host = socket.gethostname()
        status = None if locked is None else locked.stat()
        folder = "" if status is None else f"{host}:{status.st_dev}:{status.st_ino}"
        return cls(host, os.getpid(), run, in_utc(datetime.now(timezone.utc)), folder)

    def __str__(self) -> str:
        """Who it is, in words.

        >>> str(Holder("node-1", 7, "", "2026-11-28T12:00:00+00:00"))
        'process 7 on node-1, since 2026-11-28T12:00:00+00:00 by its clock'
        """
        run = f" (run {self.run})" if self.run else ""
        return f"process {self.pid} on {self.host}{run}, since {self.taken_at} by its clock"


def in_utc(time: datetime) -> str:
    """A time as it is shown to people."""
    return time.isoformat(timespec="seconds")
