"""What is said of a card. No card is here: PyTorch is made to answer as if there were one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from hn_assets.encoding.devices import card as card_module
from hn_assets.encoding.devices.card import Card, find_card, matrix_product_rate

VERSION = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build\n"
    "GCC version:  gcc version 13.3.0\n"
)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A card of which PyTorch knows name and memory, and NVIDIA's driver as the kernel knows it."""
    properties = SimpleNamespace(name="NVIDIA H100", total_memory=80 << 30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3 << 30)
    (tmp_path / "version").write_text(VERSION)
    monkeypatch.setattr(card_module, "NVIDIA_DRIVER", tmp_path / "version")


def test_a_card_is_described(pretend: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_module, "matrix_product_rate", lambda device, precision: 7e14)
    card = find_card("cuda:1", "bfloat16")
    assert card is not None
    assert card == Card("cuda:1", "NVIDIA H100", "580.159.04", 80 << 10, 700.0)
    card.look_at_memory()
    assert card.peak_memory_mib == 3 << 10


def test_a_card_that_is_full_has_no_known_peak(
    pretend: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(card_module, "matrix_product_rate", fails)
    monkeypatch.setattr(card_module, "NVIDIA_DRIVER", Path("/no/such/file"))
    card = find_card("cuda:0", "bfloat16")
    assert card is not None
    assert (card.peak_tflops, card.driver) == (None, "unknown")


def test_a_cpu_is_no_card() -> None:
    assert find_card("cpu", "float32") is None


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_the_rate_of_a_product_is_measured(precision: str) -> None:
    assert matrix_product_rate("cpu", precision, size=64) > 0
