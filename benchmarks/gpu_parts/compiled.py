"""`torch.compile`: what it gains, and that a machine without a compiler goes on without."""

import os
import time
from collections.abc import Iterator

from benchmarks.gpu_parts.base import Row, Setting, bundled_folder
from hn_assets.encoding.encoder import Encoder


def run(setting: Setting) -> Iterator[Row]:
    """A row for each way of running."""
    texts = setting.texts[: 32 if setting.small else 8_000]
    yield _encode(setting, texts, False, "plain")
    path = os.environ.get("PATH", "")
    compilers = {name: os.environ.pop(name) for name in ("CC", "CXX") if name in os.environ}
    os.environ["PATH"] = ""
    try:
        row = _encode(setting, texts, True, "compile, no compiler on the PATH")
    finally:
        os.environ.update(PATH=path, **compilers)
    yield row
    yield _encode(setting, texts, True, "compile")


def _encode(setting: Setting, texts: list[str], compile: bool, name: str) -> Row:
    import torch

    torch.compiler.reset()
    model = setting.load(bundled_folder(setting), setting.half[0])
    encoder = Encoder(model, devices=[setting.device], compile=compile)
    try:
        start = time.perf_counter()
        encoder.encode(texts[:512], "passage")
        first = time.perf_counter() - start
        start = time.perf_counter()
        encoder.encode(texts, "passage")
        seconds = time.perf_counter() - start
    except Exception as error:
        return {"way": name, "outcome": f"failed: {type(error).__name__}: {str(error)[:200]}"}
    finally:
        encoder.close()
    return {
        "way": name,
        "outcome": encoder.device_report().compile,
        "seconds of the first texts": f"{first:.1f}",
        "texts/s afterwards": f"{len(texts) / seconds:,.0f}",
    }
