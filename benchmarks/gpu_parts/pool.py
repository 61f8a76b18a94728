"""Two workers on one card: the same vectors, and a killed one is noticed."""

import threading
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.gpu_parts.base import Row, Setting, bundled_folder
from hn_assets.encoding.encoder import Encoder


def run(setting: Setting) -> Iterator[Row]:
    """A row for what two workers give, and one for a worker that is killed."""
    import multiprocessing
    import os
    import signal

    texts = setting.texts[: 32 if setting.small else 8_000]
    precision = setting.half[0]
    model = setting.load(bundled_folder(setting), precision)
    one = Encoder(model, devices=[setting.device]).encode(texts, "passage")
    two = Encoder(setting.load(bundled_folder(setting), precision), devices=[setting.device] * 2)
    start = time.perf_counter()
    first = two.encode(texts[:32], "passage")
    started = time.perf_counter() - start
    start = time.perf_counter()
    both = two.encode(texts, "passage")
    seconds = time.perf_counter() - start
    yield {
        "what": "two workers on one device",
        "outcome": f"largest difference {np.abs(both - one).max():.1e}, "
        f"{len(first)} texts after {started:.1f} s, then {len(texts) / seconds:,.0f} texts/s",
    }

    def kill() -> None:
        time.sleep(0.5)
        os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    start = time.perf_counter()
    outcome = "was not noticed"
    try:
        while time.perf_counter() - start < 30:
            two.encode(texts, "passage")
    except Exception as error:
        outcome = f"{type(error).__name__} after {time.perf_counter() - start:.1f} s"
    two.close()
    yield {"what": "a worker is killed", "outcome": outcome}
