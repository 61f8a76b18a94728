"""How much memory a piece of code takes, of Python, NumPy and Arrow together."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

_POOLS: list[pa.MemoryPool] = []  # kept, as what was allocated in them may outlive the block


class Peak:
    """The most bytes that were held at once, known when the block has ended."""

    bytes: int = 0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Measure the block; what had been there before is not counted."""
    usual, own = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    _POOLS.append(own)
    peak = Peak()
    pa.set_memory_pool(own)
    tracemalloc.start()
    try:
        yield peak
        peak.bytes = tracemalloc.get_traced_memory()[1] + (own.max_memory() or 0)
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)
