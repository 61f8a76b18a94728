"""Device and precision: chosen with a reason, or refused."""

import pytest
import torch

from hn_assets.errors import SettingsError
from hn_assets.hardware import choose_devices, choose_precision


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "cpu,tpu"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(SettingsError, match=r"this machine has cpu"):
        choose_devices(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA card")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(SettingsError, match="no CUDA card"):
        choose_devices("cuda")


def test_auto_takes_every_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_devices("auto") == ["cuda:0", "cuda:1"]
    assert choose_devices("cuda") == ["cuda:0", "cuda:1"]
    assert choose_devices("cuda:1, cpu") == ["cuda:1", "cpu"]


@pytest.mark.parametrize(
    ("amx", "avx512", "expected"),
    [(True, True, "bfloat16"), (False, True, "bfloat16"), (False, False, "float32")],
)
def test_precision_on_a_cpu(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx512: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    choice = choose_precision("auto", "cpu")
    assert choice.value == expected
    assert choice.reason == (
        "the CPU has AMX"
        if amx
        else "the CPU has AVX512-BF16"
        if avx512
        else "the CPU has no bfloat16 arithmetic"
    )
    assert choose_precision("float16", "cpu").reason == "asked for"


@pytest.mark.parametrize(("capability", "expected"), [((9, 0), "bfloat16"), ((7, 5), "float16")])
def test_precision_on_a_card(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_precision("auto", "cuda:0").value == expected
