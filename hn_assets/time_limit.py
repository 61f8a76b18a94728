"""Wait for a call, or for a worker's answer, for a bounded time only."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Thread
from time import monotonic
from typing import TypeVar

Result = TypeVar("Result")

START_SECONDS = 600.0  # in which a worker has to load its model, and a node has to come back
# A worker that gives no answer for so long, and for so many times its slowest answer, hangs.
HANG_SECONDS, HANG_TIMES = 60.0, 20


def patience(slowest: float | None) -> float:
    """Seconds of silence after which a worker hangs.

    Args:
        slowest: The seconds of its slowest answer; None if nothing can be said of it yet.
    """
    return START_SECONDS if slowest is None else max(HANG_SECONDS, HANG_TIMES * slowest)


def call_within(
    seconds: float, call: Callable[[], Result], progress: Callable[[], object] = lambda: None
) -> Result:
    """The result of a call, unless it makes no progress.

    The call runs in a thread of its own, which is left to itself if it does not end in time.

    Args:
        seconds: How long to wait.
        call: What to call.
        progress: Tells how far the call has come. Whenever its value changes, the time to wait
            begins anew.

    Raises:
        TimeoutError: The time is over.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    reached, waiting_since = progress(), monotonic()
    while True:
        left = waiting_since + seconds - monotonic()
        try:
            return future.result(timeout=max(0.0, min(1.0, left)))
        except FutureTimeoutError:
            if future.done():  # the call itself raised it
                raise
        if (now := progress()) != reached:
            reached, waiting_since = now, monotonic()
        elif left <= 0:
            raise TimeoutError(f"no answer within {seconds:g} seconds")
