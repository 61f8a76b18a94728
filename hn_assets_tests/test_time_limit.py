"""A call is waited for as long as it makes progress, and its error is passed on."""

import time
from threading import Event

import pytest

from hn_assets.time_limit import call_within


def test_a_call_that_makes_progress_is_waited_for() -> None:
    ticks = iter(range(1000))
    slow = lambda: time.sleep(1.2) or "done"  # noqa: E731
    assert call_within(0.4, slow, progress=lambda: next(ticks)) == "done"
    ended = Event()
    with pytest.raises(TimeoutError, match=r"no answer within 0.1 seconds"):
        call_within(0.1, lambda: ended.wait(5))
    ended.set()


def test_an_error_of_the_call_is_passed_on() -> None:
    def fail() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        call_within(5, fail)
