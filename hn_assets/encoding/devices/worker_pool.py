"""The workers that compute jobs: this process on one device, or a process for each device."""

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, NoReturn, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.devices.worker_process import work
from hn_assets.errors import HardNegativesError, WorkerError
from hn_assets.time_limit import HANG_TIMES, START_SECONDS, patience

AHEAD = 3  # jobs handed to each process: one is computed, one started, one waits beside them
POLL_SECONDS = 1.0

Job = TypeVar("Job")
Result = NDArray[np.float32]


class Computes(Protocol[Job]):
    """Computes jobs on one device, in their order.

    Attributes:
        report: How.
        may_compile: Whether code may be compiled at any job, which takes a minute or more.
    """

    report: Any
    may_compile: bool

    def trials(self) -> Iterable[tuple[Job, float]]:
        """Jobs of growing size, each with how many times larger the largest job can be."""
        ...

    def compute(self, batches: Iterable[Job]) -> Iterator[tuple[Job, Result]]:
        """Each job with its result."""
        ...


@dataclass
class _Worker:
    """A process, and what it has been given."""

    device: str
    process: Any
    link: Connection
    given: deque[int] = field(default_factory=deque)
    report: Any = None  # how it computes, as of its last answer
    is_loaded: bool = False
    may_compile: bool = False
    silent: float = 0.0  # seconds of listening since it last said something, or got work
    expected: float = 0.0  # seconds that the next answer may take, judged by its trials
    slowest: float = 0.0  # seconds that a job took

    def patience(self) -> float:
        """Seconds of silence after which it hangs."""
        if not self.is_loaded or self.may_compile:
            return patience(None)
        # before its first answer, what its trials took stands in for that
        return patience(self.slowest or self.expected)


class Workers(Protocol[Job]):
    """Computes jobs, in any order."""

    def start(self) -> list[Any]:
        """Load what computes, if it is not there; returns a report for each device."""
        ...

    def compute(self, batches: Iterable[Job]) -> Iterator[tuple[Job, Result]]:
        """Each job with its result."""
        ...

    def close(self) -> None:
        """End the processes, if there are any."""
        ...


class InThisProcess(Generic[Job]):
    """Computes in this process.

    Args:
        load: Makes what computes, when it is first needed.
    """

    def __init__(self, load: Callable[[], Computes[Job]]) -> None:
        self._load = load
        self._computer: Computes[Job] | None = None

    def start(self) -> list[Any]:
        """Load what computes, if it is not there; returns its report."""
        return [self._loaded().report]

    def compute(self, batches: Iterable[Job]) -> Iterator[tuple[Job, Result]]:
        """Each job with its result, in their order."""
        return self._loaded().compute(batches)

    def close(self) -> None:
        """Nothing to end."""

    def _loaded(self) -> Computes[Job]:
        if self._computer is None:
            self._computer = self._load()
        return self._computer


class OnePerDevice(Generic[Job]):
    """Runs a copy of `load(device)` in a process for each device.

    All take jobs from one stream, so that a fast one takes more.

    Args:
        load: Makes what computes on a device; it is called in the device's process.
        devices: The torch devices.
        task: What the processes do, for errors, such as `encodes`.

    Raises:
        WorkerError: A process has died, hangs, or could not load its model; raised by `start` and
            `compute`. The other processes are ended.
        HardNegativesError: What a process raised that a user can put right.
    """

    def __init__(
        self, load: Callable[[str], Computes[Job]], devices: Sequence[str], task: str
    ) -> None:
        self._load, self._devices, self._task = load, list(devices), task
        self._workers: list[_Worker] = []
        self._next_number = 0

    def start(self) -> list[Any]:
        """Start the processes, if they are not running; returns the report of each."""
        if not self._workers:
            # A process that CUDA was used in cannot be forked.
            context = multiprocessing.get_context("spawn")
            for device in self._devices:
                ours, theirs = context.Pipe()
                process: Any = context.Process(
                    target=work, args=(self._load, device, theirs), daemon=True
                )
                process.start()
                theirs.close()
                self._workers.append(_Worker(device, process, ours))
            loading = list(self._workers)
            while loading:
                for worker in self._listen(loading):
                    if self._receive(worker)[0] == "ready":
                        loading.remove(worker)
        return [worker.report for worker in self._workers]

    def compute(self, batches: Iterable[Job]) -> Iterator[tuple[Job, Result]]:
        """Each job with its result, as they are ready."""
        self.start()
        coming = iter(batches)
        under_way: dict[int, Job] = {}
        is_over = False
        try:
            while True:
                while not is_over and (worker := self._least_busy()) is not None:
                    job = next(coming, None)
                    if job is None:
                        is_over = True
                        self._send_end()
                    else:
                        under_way[self._give(worker, job)] = job
                if not under_way:
                    return
                for worker in self._listen([w for w in self._workers if w.given]):
                    _, number, result = self._receive(worker)
                    if number in under_way:
                        yield under_way.pop(number), result
        finally:
            if not is_over:  # whoever asked wants no more
                self._send_end()

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.link.close()
        self._workers = []

    def _least_busy(self) -> _Worker | None:
        """The worker with the fewest jobs, if it may have one more."""
        worker = min(self._workers, key=lambda w: len(w.given))
        return worker if len(worker.given) < AHEAD else None

    def _send_end(self) -> None:
        """Say that nothing follows now, so that nobody waits for it with an answer."""
        for worker in self._workers:
            self._send(worker, None)

    def _give(self, worker: _Worker, job: Job) -> int:
        number = self._next_number
        self._next_number += 1
        if not worker.given:
            worker.silent = 0.0
        worker.given.append(number)
        self._send(worker, (job,))
        return number

    def _send(self, worker: _Worker, message: Any) -> None:
        try:
            worker.link.send(message)
        except OSError:
            self._fail(worker, "ended by itself")

    def _listen(self, workers: list[_Worker]) -> list[_Worker]:
        """Those that have something to say, or have ended; one that hangs is an error.

        Only the time spent here counts as silence: a process may be done while whoever reads the
        results, or whoever gives the jobs, takes its time.
        """
        begun = time.monotonic()
        watched = [thing for w in workers for thing in (w.link, w.process.sentinel)]
        ready = wait(watched, POLL_SECONDS)
        speaking = [w for w in workers if w.link in ready or w.process.sentinel in ready]
        for worker in workers:
            worker.silent += time.monotonic() - begun
            if worker not in speaking and worker.silent > worker.patience():
                what = (
                    "has given no answer for" if worker.is_loaded else "did not load its model in"
                )
                self._fail(worker, f"{what} {worker.silent:.0f} s")
        return speaking

    def _receive(self, worker: _Worker) -> tuple[str, int | None, Any]:
        """What a process says, the number of the job if it is done with one, and its content."""
        try:
            kind, content, report, seconds = worker.link.recv()
        except (EOFError, OSError):
            worker.process.join(POLL_SECONDS)  # for its exit code, which comes a moment later
            self._fail(worker, "ended by itself")
        if kind == "error":
            self.close()
            if isinstance(content, HardNegativesError):
                raise content
            raise WorkerError(f"a process that {self._task} on {worker.device}: {content}")
        worker.report, worker.silent = report, 0.0
        if kind == "loaded":
            worker.is_loaded, worker.may_compile = True, content
        elif kind == "tried":
            worker.expected = START_SECONDS / HANG_TIMES if content is None else content
        elif kind == "done":
            worker.slowest = max(worker.slowest, seconds)
            return kind, worker.given.popleft(), content  # answers come in the order of the jobs
        return kind, None, content

    def _fail(self, worker: _Worker, what: str) -> NoReturn:
        code = worker.process.exitcode
        self.close()
        raise WorkerError(
            f"a process that {self._task} on {worker.device} {what}"
            f"{f' (exit code {code})' if code is not None else ''}: it was killed (out of "
            f"memory?), its card is gone or hangs, or it could not load the model; its output is "
            f"in the step's log. What was computed before is kept"
        )
