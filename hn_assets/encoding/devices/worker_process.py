"""What a process of a device does: load its model, try it out, then compute what it is given."""

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from hn_assets.errors import HardNegativesError

if TYPE_CHECKING:
    from hn_assets.encoding.devices.worker_pool import Computes

TRIAL_GROWTH = 4  # a trial is so many times larger than the one before
TRIAL_SECONDS = 0.5  # after which a trial has told enough


def work(load: "Callable[[str], Computes[Any]]", device: str, link: Connection) -> None:
    """Load what computes, then compute jobs until the parent ends.

    Sent are tuples of what they say, its content, the report of what computes, and the seconds
    that a job took:

    - `loaded`: whether code may be compiled at any job;
    - `tried`: the seconds that the next trial, or after the last one a job, should take; None if
      that cannot be found out;
    - `ready`: jobs can come;
    - `done`: a result;
    - `error`: what was raised.

    Args:
        load: Makes what computes on a device.
        device: The torch device.
        link: To the parent.
    """
    # The parent may ignore these signals, which a child inherits.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "only child processes are started like this"
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    given = _Given()
    try:
        computer = load(device)
        link.send(("loaded", computer.may_compile, computer.report, 0.0))
        _try_out(computer, link)
        link.send(("ready", None, computer.report, 0.0))
        # Jobs are read by a thread, so that parent and child never both wait to be read.
        threading.Thread(target=_read, args=(link, given.jobs), daemon=True).start()
        while True:
            begun = time.perf_counter()
            for _, result in computer.compute(given.until_none()):
                seconds = time.perf_counter() - begun - given.take_waited()
                link.send(("done", result, computer.report, seconds))
                begun = time.perf_counter()
    except (BrokenPipeError, EOFError):
        return
    except BaseException as error:
        import traceback

        traceback.print_exc()
        known = isinstance(error, HardNegativesError)
        link.send(("error", error if known else f"{type(error).__name__}: {error}", None, 0.0))


def _try_out(computer: "Computes[Any]", link: Connection) -> None:
    """Compute jobs of growing size, so that the parent knows how long an answer may take.

    A card that hangs looks like one that computes: both keep a processor busy. Only the time that
    a smaller job took tells one from the other.
    """
    trials = list(computer.trials())
    for place, (job, times_larger) in enumerate([*trials[:1], *trials]):
        begun = time.perf_counter()
        try:
            for _ in computer.compute([job]):
                pass
        except HardNegativesError:
            raise
        except Exception:  # whatever a model has against made-up texts, it may compute real ones
            link.send(("tried", None, computer.report, 0.0))
            return
        seconds = time.perf_counter() - begun
        if place == 0:  # it loads what computes
            expected = 0.0
        elif place == len(trials) or seconds > TRIAL_SECONDS:
            expected = times_larger * seconds
        else:
            expected = TRIAL_GROWTH * seconds
        link.send(("tried", expected, computer.report, seconds))
        if seconds > TRIAL_SECONDS and place:
            return


class _Given:
    """The jobs that the parent has sent, and how long they were waited for."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waited = 0.0

    def until_none(self) -> Iterator[Any]:
        """The jobs until the parent says that nothing follows now."""
        while True:
            begun = time.perf_counter()
            message = self.jobs.get()
            self._waited += time.perf_counter() - begun
            if message is None:
                return
            yield message[0]

    def take_waited(self) -> float:
        """The seconds waited since this was asked last."""
        waited, self._waited = self._waited, 0.0
        return waited


def _read(link: Connection, given: "queue.SimpleQueue[Any]") -> None:
    while True:
        try:
            given.put(link.recv())
        except (EOFError, OSError):
            os._exit(1)


def _end_with(parent: Any) -> None:
    """End this process with its parent, which cannot tell it to if it is killed."""
    parent.join()
    os._exit(1)
