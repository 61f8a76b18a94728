"""Wait for a call for a bounded time only."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Thread
from time import monotonic
from typing import TypeVar

Result = TypeVar("Result")


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
