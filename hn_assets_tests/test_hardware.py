"""Device and precision: chosen with a reason, or refused."""

from collections.abc import Callable

import pytest
import torch

from hn_assets import hardware
from hn_assets.errors import SettingsError
from hn_assets.hardware import choose_devices, choose_precision

HOPPER, AMPERE, TURING, PASCAL = (9, 0), (8, 0), (7, 5), (6, 1)
NAMES = {HOPPER: "NVIDIA H100", AMPERE: "NVIDIA A100", TURING: "Tesla T4", PASCAL: "Tesla P4"}
TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 12020). Please update your GPU "
    "driver by downloading and installing a new version from the URL: "
    "http://www.nvidia.com/Download/index.aspx\nAlternatively, go to: https://pytorch.org"
)

Capability = tuple[int, int]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes PyTorch say that it has cards of these capabilities; nothing computes on them."""

    def pretend(*capabilities: Capability, fails: str = "", holds: str = "sm_75 sm_80 sm_90a"):
        def capability(device: str) -> Capability:
            return capabilities[int(device.split(":")[1])]

        def init() -> None:
            if fails:
                raise RuntimeError(fails)

        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(capabilities))
        monkeypatch.setattr(torch.cuda, "init", init)
        monkeypatch.setattr(torch.cuda, "get_device_capability", capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda d: NAMES[capability(d)])
        monkeypatch.setattr(torch.cuda, "get_arch_list", holds.split)
        monkeypatch.setattr(torch.version, "cuda", "13.0")

    return pretend


@pytest.fixture
def cpu_units(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool, bool], None]:
    """Makes PyTorch say whether the CPU has AMX and AVX512-BF16."""

    def pretend(amx: bool, avx512: bool) -> None:
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)

    return pretend


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "cpu,tpu"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(SettingsError, match=r"this machine has cpu"):
        choose_devices(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA card")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(SettingsError, match="no CUDA card"):
        choose_devices("cuda")


def test_auto_takes_every_card(cards: Callable[..., None]) -> None:
    cards(HOPPER, HOPPER)
    assert choose_devices("auto").devices == ["cuda:0", "cuda:1"]
    assert choose_devices("cuda").devices == ["cuda:0", "cuda:1"]
    assert choose_devices("cuda:1, cpu").devices == ["cuda:1", "cpu"]
    assert not choose_devices("auto").fell_back


def test_a_driver_that_is_too_old_leaves_auto_on_the_cpu(cards: Callable[..., None]) -> None:
    cards(AMPERE, fails=TOO_OLD)
    choice = choose_devices("auto")
    assert (choice.devices, choice.fell_back) == (["cpu"], True)
    assert choice.reason.startswith(f"PyTorch {torch.__version__}, built for CUDA 13.0, cannot use")
    assert "(The NVIDIA driver on your system is too old (found version 12020))" in choice.reason
    assert choose_devices("cpu").devices == ["cpu"]


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_driver_that_is_too_old_is_an_error_with_its_remedy_if_a_card_is_asked_for(
    cards: Callable[..., None], device: str
) -> None:
    cards(AMPERE, fails=TOO_OLD)
    remedy = r"too old.*Update the driver, install a PyTorch for this.*or set compute.device to cpu"
    with pytest.raises(SettingsError, match=remedy):
        choose_devices(device)


def test_a_card_that_pytorch_has_no_code_for_is_left_out(cards: Callable[..., None]) -> None:
    cards(PASCAL, AMPERE)
    choice = choose_devices("auto")
    assert (choice.devices, choice.fell_back) == (["cuda:1"], True)
    assert "has no code for cuda:0 (Tesla P4), which it leaves out; install" in choice.reason
    with pytest.raises(SettingsError, match=r"names 'cuda:0'.* has cpu, cuda:1; .*Tesla P4"):
        choose_devices("cuda:0")


def test_a_pytorch_without_cuda_is_named_if_there_is_a_driver(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.version, "cuda", None)
    (tmp_path / "version").touch()
    monkeypatch.setattr(hardware, "NVIDIA_DRIVER", tmp_path / "version")
    choice = choose_devices("auto")
    assert (choice.devices, choice.fell_back) == (["cpu"], True)
    assert "is built without CUDA; install a PyTorch for this driver" in choice.reason


@pytest.mark.parametrize(
    ("amx", "avx512", "expected"),
    [(True, True, "bfloat16"), (False, True, "bfloat16"), (False, False, "float32")],
)
def test_precision_on_a_cpu(
    cpu_units: Callable[[bool, bool], None], amx: bool, avx512: bool, expected: str
) -> None:
    cpu_units(amx, avx512)
    choice = choose_precision("auto", "cpu")
    assert choice.value == expected
    assert choice.reason == (
        "the CPU has AMX"
        if amx
        else "the CPU has AVX512-BF16"
        if avx512
        else "the CPU has no bfloat16 arithmetic"
    )


@pytest.mark.parametrize(
    ("capability", "expected"), [(HOPPER, "bfloat16"), (TURING, "float16"), (PASCAL, "float32")]
)
def test_precision_on_a_card(
    cards: Callable[..., None], capability: Capability, expected: str
) -> None:
    cards(capability, capability)
    choice = choose_precision("auto", "cuda:0", "cuda:1")
    assert choice.value == expected
    assert choice.reason.startswith("the card ")


def test_unlike_devices_share_the_fastest_precision_that_all_compute_in(
    cards: Callable[..., None], cpu_units: Callable[[bool, bool], None]
) -> None:
    cards(HOPPER, TURING)
    choice = choose_precision("auto", "cuda:0", "cuda:1")
    assert choice.value == "float16"
    assert "cuda:1 (Tesla T4): the card has no bfloat16 arithmetic" in choice.reason
    cpu_units(False, True)
    assert choose_precision("auto", "cuda:0", "cpu").value == "bfloat16"
    assert choose_precision("auto", "cuda:1", "cpu").value == "float32"
    cpu_units(False, False)
    assert choose_precision("auto", "cuda:0", "cpu").value == "float32"


def test_a_precision_that_is_asked_for_is_taken_and_a_device_without_it_named(
    cards: Callable[..., None], cpu_units: Callable[[bool, bool], None]
) -> None:
    cards(HOPPER, TURING)
    assert choose_precision("bfloat16", "cuda:0").reason == "asked for"
    choice = choose_precision("bfloat16", "cuda:0", "cuda:1")
    assert choice.value == "bfloat16"
    assert choice.reason == "asked for, although cuda:1 (Tesla T4) has no arithmetic for it"
    cpu_units(False, False)
    assert choose_precision("float16", "cpu").value == "float16"


def test_tf32_is_taken_where_all_devices_have_it(cards: Callable[..., None]) -> None:
    cards(HOPPER, AMPERE, TURING)
    assert choose_precision("tf32", "cuda:0", "cuda:1").value == "tf32"
    choice = choose_precision("tf32", "cuda:0", "cuda:2")
    assert (choice.value, choice.fell_back) == ("float32", True)
    assert choice.reason == "tf32 was asked for, which cuda:2 (Tesla T4) cannot compute in"
    assert choose_precision("tf32", "cpu").value == "float32"
