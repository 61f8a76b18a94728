"""The workers that compute jobs: this process on one device, or a process for each device."""

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, NoReturn, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hn_assets.errors import HardNegativesError, WorkerError

AHEAD = 3  # jobs handed to each process: one is computed, one started, one waits beside them
START_SECONDS = 600.0  # in which a process has to load its model
# A process that gives no answer for so long, and for so many times its slowest answer, hangs.
HANG_SECONDS, HANG_TIMES = 20.0, 20
POLL_SECONDS = 1.0

Job = TypeVar("Job")
Result = NDArray[np.float32]


class Computes(Protocol[Job]):
    """Computes jobs on one device, in their order; `report` says how."""

    report: Any

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
    heard: float = 0.0  # when it last gave an answer, or was given work after a rest
    slowest: float = 0.0  # seconds between two answers
    report: Any = None  # how it computes, as of its last answer


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
                    target=_work, args=(self._load, device, theirs), daemon=True
                )
                process.start()
                theirs.close()
                self._workers.append(_Worker(device, process, ours))
            loading = list(self._workers)
            deadline = time.monotonic() + START_SECONDS
            while loading:
                for worker in self._ready(loading, deadline - time.monotonic()):
                    loading.remove(worker)
                    self._receive(worker)
                if loading and time.monotonic() > deadline:
                    self._fail(loading[0], f"did not load its model in {START_SECONDS:.0f} s")
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
                for worker in self._ready([w for w in self._workers if w.given], POLL_SECONDS):
                    answer = self._receive(worker)
                    if answer is not None and answer[0] in under_way:
                        yield under_way.pop(answer[0]), answer[1]
                self._look_for_hanging()
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
            worker.heard = time.monotonic()
        worker.given.append(number)
        self._send(worker, (job,))
        return number

    def _send(self, worker: _Worker, message: Any) -> None:
        try:
            worker.link.send(message)
        except OSError:
            self._fail(worker, "ended by itself")

    def _ready(self, workers: list[_Worker], seconds: float) -> list[_Worker]:
        """Those that have something to say, or have ended."""
        watched = [thing for w in workers for thing in (w.link, w.process.sentinel)]
        ready = wait(watched, max(0.0, seconds))
        return [w for w in workers if w.link in ready or w.process.sentinel in ready]

    def _receive(self, worker: _Worker) -> tuple[int, Result] | None:
        """The number and result of a job; None for a report alone."""
        try:
            kind, content, report = worker.link.recv()
        except (EOFError, OSError):
            self._fail(worker, "ended by itself")
        if kind == "error":
            self.close()
            if isinstance(content, HardNegativesError):
                raise content
            raise WorkerError(f"a process that {self._task} on {worker.device}: {content}")
        worker.report = report
        if kind == "ready":
            return None
        now = time.monotonic()
        worker.slowest, worker.heard = max(worker.slowest, now - worker.heard), now
        return worker.given.popleft(), content  # answers come in the order of the jobs

    def _look_for_hanging(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            # Nothing is known of the speed before the first answer.
            patience = max(HANG_SECONDS, HANG_TIMES * worker.slowest)
            patience = patience if worker.slowest else START_SECONDS
            if worker.given and now - worker.heard > patience:
                self._fail(worker, f"has given no answer for {now - worker.heard:.0f} s")

    def _fail(self, worker: _Worker, what: str) -> NoReturn:
        code = worker.process.exitcode
        self.close()
        raise WorkerError(
            f"a process that {self._task} on {worker.device} {what}"
            f"{f' (exit code {code})' if code is not None else ''}: it was killed (out of "
            f"memory?), its card is gone or hangs, or it could not load the model; its output is "
            f"in the step's log. What was computed before is kept"
        )


def _work(load: Callable[[str], Computes[Any]], device: str, link: Connection) -> None:
    """What a process does: load, then compute what it is given until its parent ends."""
    # The parent may ignore these signals, which a child inherits.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "only child processes are started like this"
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    given: queue.SimpleQueue[Any] = queue.SimpleQueue()
    try:
        computer = load(device)
        link.send(("ready", None, computer.report))
        # Jobs are read by a thread, so that parent and child never both wait to be read.
        threading.Thread(target=_read, args=(link, given), daemon=True).start()
        while True:
            for _, result in computer.compute(_jobs(given)):
                link.send(("done", result, computer.report))
    except (BrokenPipeError, EOFError):
        return
    except BaseException as error:
        import traceback

        traceback.print_exc()
        known = isinstance(error, HardNegativesError)
        link.send(("error", error if known else f"{type(error).__name__}: {error}", None))


def _read(link: Connection, given: "queue.SimpleQueue[Any]") -> None:
    while True:
        try:
            given.put(link.recv())
        except (EOFError, OSError):
            os._exit(1)


def _jobs(given: "queue.SimpleQueue[Any]") -> Iterator[Any]:
    while (message := given.get()) is not None:
        yield message[0]


def _end_with(parent: Any) -> None:
    """End this process with its parent, which cannot tell it to if it is killed."""
    parent.join()
    os._exit(1)
