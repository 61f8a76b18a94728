"""What is known of a worker on a node: where it is, and what it has been given."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hn_assets.cluster.nodes import Room
from hn_assets.time_limit import patience


@dataclass
class Call:
    """A call of a worker's method; with its number, if it is to compute a job of the parent.

    With the number of a part of the data, if the worker must have that.
    """

    method: str
    arguments: tuple[Any, ...]
    number: int | None = None
    part: int | None = None
    ref: Any = None


@dataclass(eq=False)
class WorkerState:
    """A worker, and what it has been given.

    Attributes:
        number: Tells it from all others.
        room: Where it is.
        actor: What Ray has of it.
        todo: What it is to do before all jobs.
        parts: The parts of the data that it has, or is about to get.
        queued: Jobs that need one of its parts.
        under_way: What was asked of it and not answered yet, in order.
        is_placed: Whether it has answered at all.
        report: How it computes, pickled; None until it is ready.
        heard: When it last answered, or got something to do.
        slowest: The most seconds that a job took.
    """

    number: int
    room: Room
    actor: Any
    todo: Iterator[Call] = field(default_factory=lambda: iter(()))
    parts: set[int] = field(default_factory=set)
    queued: deque[Call] = field(default_factory=deque)
    under_way: deque[Call] = field(default_factory=deque)
    is_placed: bool = False
    report: bytes | None = None
    heard: float = field(default_factory=time.monotonic)
    slowest: float = 0.0

    def patience(self) -> float:
        """Seconds of silence after which it hangs."""
        return patience(self.slowest or None)

    def begin_anew(self) -> None:
        """Forget the task that it had; nothing of it is under way."""
        self.todo, self.parts, self.queued = iter(()), set(), deque()
        self.report, self.slowest = None, 0.0
