"""Make a dataset step by step, each in a process of its own, with its time and memory."""

import json
import os
import resource
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measure import materialize
from hn_assets.assets import operations_of
from hn_assets.pipeline.stage import Operation
from hn_assets.settings.dataset import DatasetSettings

SECONDS_BETWEEN_LOOKS = 0.5
PROC = Path("/proc")


@dataclass(frozen=True)
class Step:
    """What a step took.

    Attributes:
        name: The operation.
        seconds: From the start of its process to its end.
        own_mib: The most memory that its processes held together, without mapped files.
        resident_mib: The same with mapped files, as far as they were in memory.
        free_mib: The least memory that the machine had left meanwhile.
        cpu_seconds: The time that its processes computed, on all cores together.
    """

    name: str
    seconds: float
    own_mib: int
    resident_mib: int
    free_mib: int
    cpu_seconds: float = 0.0


def run_steps(folder: Path, dataset: str, settings: DatasetSettings, results: Path) -> list[Step]:
    """Make every step of a dataset that is not among the results yet.

    Args:
        folder: The project, from `write_project`.
        dataset: Its dataset.
        settings: The settings of the dataset.
        results: A JSON file of the steps, written after each of them, so that a run that is cut off
            goes on from there.

    Returns:
        What each took.
    """
    steps = [Step(**one) for one in json.loads(results.read_text())] if results.exists() else []
    done = {step.name for step in steps}
    for operation in operations_of(settings):
        if operation.name in done:
            continue
        steps.append(_run(folder, dataset, operation))
        print(steps[-1], flush=True)
        results.write_text(json.dumps([asdict(step) for step in steps], indent=1))
    return steps


def _run(folder: Path, dataset: str, operation: Operation) -> Step:
    names = (f'key:"{dataset}/{stage.name}"' for stage in operation.stages)
    before = _cpu_seconds()
    with _Memory() as memory:
        seconds = materialize(folder, dataset, " or ".join(names))
    return Step(
        operation.name,
        round(seconds, 1),
        memory.own >> 10,
        memory.resident >> 10,
        memory.free >> 10,
        round(_cpu_seconds() - before, 1),
    )


def _cpu_seconds() -> float:
    """What the processes that this one has started, and that have ended, have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Memory:
    """Watches the memory of all processes that this one has started, in KiB."""

    def __init__(self) -> None:
        self.own = self.resident = 0
        self.free = 1 << 62
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "_Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
            found = [_status(process) for process in _descendants(os.getpid())]
            own = sum(one.get("RssAnon", 0) + one.get("RssShmem", 0) for one in found)
            self.own = max(self.own, own)
            self.resident = max(self.resident, sum(one.get("VmRSS", 0) for one in found))
            self.free = min(self.free, _numbers(PROC / "meminfo").get("MemAvailable", 1 << 62))


def _descendants(process: int) -> list[int]:
    found: list[int] = []
    try:
        for children in (PROC / str(process)).glob("task/*/children"):
            for child in map(int, children.read_text().split()):
                found += [child, *_descendants(child)]
    except OSError:
        pass  # it has just ended
    return found


def _status(process: int) -> dict[str, int]:
    try:
        return _numbers(PROC / str(process) / "status")
    except OSError:
        return {}  # it has just ended


def _numbers(path: Path) -> dict[str, int]:
    """The lines of a file such as `VmRSS:   1234 kB`."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {line[0][:-1]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdigit()}
