"""Which card, driver, compiler and libraries there are."""

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from benchmarks.gpu_parts.base import Row, Setting

PACKAGES = (
    "torch",
    "triton",
    "transformers",
    "tokenizers",
    "sentence-transformers",
    "FlagEmbedding",
    "faiss-cpu",
    "faiss-gpu",
    "numpy",
    "pyarrow",
)


def run(setting: Setting) -> Iterator[Row]:
    """A row per fact."""
    found: dict[str, object] = {"python": platform.python_version(), "cores": os.cpu_count()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    start = time.perf_counter()
    import torch

    found["seconds to import torch"] = round(time.perf_counter() - start, 1)
    found["compiler"] = shutil.which("cc") or shutil.which("gcc") or "none"
    found["torch is built for CUDA"] = torch.version.cuda or "no"
    if setting.has_card:
        card = torch.cuda.get_device_properties(setting.device)
        found["card"] = card.name
        found["capability"] = f"{card.major}.{card.minor}"
        found["memory, GiB"] = round(card.total_memory / 2**30, 1)
        found["multiprocessors"] = card.multi_processor_count
        found["driver"] = _driver()
        start = time.perf_counter()
        torch.ones(1, device=setting.device)
        found["seconds to start the card"] = round(time.perf_counter() - start, 1)
    import faiss

    found["FAISS sees cards"] = getattr(faiss, "get_num_gpus", lambda: "none: CPU build")()
    found["unpadded attention"] = _has_varlen()
    yield from ({"what": name, "found": value} for name, value in found.items())


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"unknown: {error}"


def _has_varlen() -> str:
    try:
        from torch.nn.attention import varlen
    except ImportError as error:
        return f"no: {error}"
    return f"yes: {', '.join(name for name in dir(varlen) if 'varlen' in name)}"
