"""How much memory a piece of work takes, where the operating system says it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_OWN = Path("/proc/self")


@dataclass
class PeakMemory:
    """The most memory that was held.

    Attributes:
        mib: In MiB, as soon as it is measured; None if the operating system does not say it.
    """

    mib: int | None = None


@contextmanager
def measure_peak_memory() -> Iterator[PeakMemory]:
    """Measure the most memory that this process, or one that it started, holds within the block.

    What it held before does not count, unless it still holds it. Files that are mapped into memory
    count as far as they were read. It is measured on Linux alone, and nested blocks disturb each
    other.
    """
    peak = PeakMemory()
    can_be_measured = _forget_peak(_OWN)
    for child in _children():
        _forget_peak(child)
    yield peak
    if can_be_measured:
        peak.mib = max(_peak_kib(process) for process in (_OWN, *_children())) >> 10


def _children() -> list[Path]:
    """The folders of the processes that this one has started and that still run."""
    found: list[Path] = []
    try:
        for children in _OWN.glob("task/*/children"):
            found += [Path("/proc") / number for number in children.read_text().split()]
    except OSError:
        pass  # a thread has just ended
    return found


def _forget_peak(process: Path) -> bool:
    """Let the peak begin anew, which Linux does when "5" is written there."""
    try:
        (process / "clear_refs").write_text("5")
    except OSError:  # the system has no such file, or the process has just ended
        return False
    return True


def _peak_kib(process: Path) -> int:
    try:
        for line in (process / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass  # it has just ended
    return 0
