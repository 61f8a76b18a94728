"""Windows of texts as one stream through the devices: read ahead, computed, given back whole."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.devices.worker_pool import Workers

WINDOWS_AHEAD = 2  # read and cut into batches while one is computed


@dataclass
class Window:
    """Texts, or pairs of them, that are read together, and what is computed of them as it comes.

    Attributes:
        names: A name for each, by which whoever asked knows it.
        batches: The batches they were cut into; `rows` of each are places in `names`.
        truncated: How many were longer than the model's limit.
        results: float32 of shape (names, size), whole once `left` is 0.
        left: How many are still to be computed.
    """

    names: Sequence[Any]
    batches: Sequence[Any]
    truncated: int = 0
    results: NDArray[np.float32] | None = None
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = len(self.names)

    def put(self, rows: list[int], results: NDArray[np.float32]) -> None:
        """Keep what a batch gave."""
        if self.results is None:
            self.results = np.empty((len(self.names), results.shape[1]), np.float32)
        self.results[rows] = results
        self.left -= len(rows)


def read_ahead(
    read: Callable[[], Window | None], waited: Callable[[float], None]
) -> Iterator[Window]:
    """Windows as `read` gives them, by a thread that is some of them ahead.

    Args:
        read: Gives the next window, or None after the last one.
        waited: Takes the seconds in which a window was wanted and none was ready.
    """
    with ThreadPoolExecutor(1) as ahead:
        coming = deque(ahead.submit(read) for _ in range(WINDOWS_AHEAD))
        while True:
            start = time.perf_counter()
            window = coming.popleft().result()
            waited(time.perf_counter() - start)
            if window is None:
                return
            coming.append(ahead.submit(read))
            yield window


def compute_windows(
    windows: Iterable[Window], workers: Workers[Any], computed: Callable[[Any], None]
) -> Iterator[Window]:
    """Each window once all of it is computed, in their order.

    The devices go on with the next window before all of one is computed.

    Args:
        windows: What to compute.
        workers: What computes it.
        computed: Called after each batch, with it.
    """
    open_windows: deque[Window] = deque()
    owners: dict[int, Window] = {}

    def batches() -> Iterator[Any]:
        for window in windows:
            open_windows.append(window)
            for batch in window.batches:
                owners[id(batch)] = window
                yield batch

    for batch, results in workers.compute(batches()):
        owners.pop(id(batch)).put(batch.rows, results)
        computed(batch)
        while open_windows and not open_windows[0].left:
            yield open_windows.popleft()
