"""What is known of a CUDA card: its name, its memory, and what it can compute at most."""

import gc
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from hn_assets.encoding.devices.arithmetic import products_in, weights_dtype
from hn_assets.hardware import NVIDIA_DRIVER

PRODUCT_SIZE = 8192  # large enough for any card, and done in milliseconds on a fast one
PRODUCT_REPEATS = 6
PRODUCT_SECONDS = 1.0  # after which a slow card has been measured often enough


@dataclass
class Card:
    """A CUDA card.

    Attributes:
        device: The torch device.
        name: The name of the card.
        driver: The version of NVIDIA's driver; "unknown" if the system does not say.
        memory_mib: Its memory in all.
        peak_tflops: What a matrix product of 8,192 cubed reached on it in the precision of the
            model, in 10^12 operations per second; None if its memory was too small.
        peak_memory_mib: The most memory that tensors have held on it.
        uuid: What tells it from cards of other machines; "" if PyTorch does not say.
    """

    device: str
    name: str
    driver: str
    memory_mib: int
    peak_tflops: float | None
    peak_memory_mib: int = 0
    uuid: str = ""

    def look_at_memory(self) -> None:
        """Bring `peak_memory_mib` up to date."""
        import torch

        self.peak_memory_mib = torch.cuda.max_memory_allocated(self.device) >> 20


def find_card(device: str, precision: str) -> Card | None:
    """The card that a torch device names, None if it names none; its peak is measured now."""
    if not device.startswith("cuda"):
        return None
    import torch

    try:
        peak = matrix_product_rate(device, precision) / 1e12
    except torch.OutOfMemoryError:
        peak = None
    torch.cuda.reset_peak_memory_stats(device)
    card = torch.cuda.get_device_properties(device)
    return Card(
        device,
        card.name,
        _driver_version(),
        card.total_memory >> 20,
        peak,
        uuid=str(getattr(card, "uuid", "")),
    )


def give_back_memory(devices: Iterable[str]) -> None:
    """Let other processes and FAISS have the memory of cards that nothing here uses any more.

    Args:
        devices: Torch devices; those that are no cards are left out.
    """
    if any(device.startswith("cuda") for device in devices):
        import torch

        gc.collect()  # as a model may hold itself in a circle
        torch.cuda.empty_cache()


def matrix_product_rate(device: str, precision: str, size: int = PRODUCT_SIZE) -> float:
    """Operations per second of a product of two square matrices, the fastest of a few.

    Args:
        device: The torch device.
        precision: float32, tf32, bfloat16 or float16.
        size: The number of rows and columns.
    """
    import torch

    a = torch.randn(size, size, dtype=weights_dtype(precision), device=device)
    fastest = float("inf")
    with products_in(precision):
        begun = time.perf_counter()
        for repeat in range(PRODUCT_REPEATS):
            start = time.perf_counter()
            torch.mm(a, a)
            if device.startswith("cuda"):
                torch.cuda.synchronize(device)
            now = time.perf_counter()
            if repeat:  # the first one loads what computes it
                fastest = min(fastest, now - start)
                if now - begun > PRODUCT_SECONDS:
                    break
    return 2 * size**3 / fastest


def _driver_version() -> str:
    """The version as the kernel's module says it.

    It begins like `NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.159.04`.
    """
    try:
        found = re.search(r"\d+\.\d+(\.\d+)?", NVIDIA_DRIVER.read_text())
    except OSError:
        return "unknown"
    return found[0] if found else "unknown"
