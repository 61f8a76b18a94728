"""Which device encodes, in which precision, and which device FAISS searches on.

Nothing here falls back in silence: every choice comes with its reason.
"""

import importlib.metadata
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hn_assets.errors import SettingsError
from hn_assets.settings.compute import ComputeSettings

# It reads what every installed package has recorded of itself, which takes a third of a second.
packages_distributions = cache(importlib.metadata.packages_distributions)
# Asking torch would take a second, which a search on the CPU need not wait.
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
OTHER_PYTORCH = "install a PyTorch for this driver and card (https://pytorch.org)"
# Generations of cards, by the first number of their compute capability.
VOLTA_AND_TURING, AMPERE = 7, 8
FASTEST_FIRST = ("bfloat16", "float16", "float32")  # TF32 loses digits, so it has to be asked for


@dataclass(frozen=True)
class Choice:
    """A value chosen for the user, and why.

    Attributes:
        value: What was chosen.
        reason: Why.
        fell_back: Whether a GPU was asked for, or is there, and is not used.
    """

    value: str
    reason: str
    fell_back: bool = False


@dataclass(frozen=True)
class DeviceChoice:
    """Devices chosen for the user, and why.

    Attributes:
        devices: The torch devices, at least one.
        reason: Why these.
        fell_back: Whether there is a GPU that is not used.
    """

    devices: list[str]
    reason: str
    fell_back: bool = False


@dataclass(frozen=True)
class FaissChoice(Choice):
    """Where FAISS searches, and why.

    Attributes:
        cards: The numbers of the cards, if `value` is `gpu`.
    """

    cards: tuple[int, ...] = ()


def choose_devices(setting: str) -> DeviceChoice:
    """The torch devices to encode on, with the reason.

    Args:
        setting: `compute.device`.

    Raises:
        SettingsError: A device is asked for that this machine does not have, or that this PyTorch
            cannot use.
    """
    if setting == "cpu":
        return DeviceChoice(["cpu"], "asked for")
    import torch

    cards, problem = _find_cards()
    others = ["cpu", *(["mps"] * torch.backends.mps.is_available())]
    if setting == "auto":
        if cards:
            return DeviceChoice(cards, problem or "every CUDA card", fell_back=bool(problem))
        reason = problem or "PyTorch sees no CUDA card"
        return DeviceChoice(others[-1:], reason, fell_back=bool(problem))
    if setting == "cuda":
        if not cards:
            raise SettingsError(
                f"compute.device is cuda, and {problem or 'torch sees no CUDA card here'}"
            )
        return DeviceChoice(cards, problem or "asked for", fell_back=bool(problem))
    devices = [part.strip() for part in setting.split(",")]
    for device in devices:
        if device not in (*others, *cards):
            wrong = f"; {problem}" if problem and device.startswith("cuda") else ""
            raise SettingsError(
                f"compute.device names {device!r}; this machine has "
                f"{', '.join([*others, *cards])}{wrong}"
            )
    return DeviceChoice(devices, "asked for")


def _find_cards() -> tuple[list[str], str]:
    """The CUDA cards that this PyTorch can use; and why it cannot use the others, if there are any.

    PyTorch counts cards without the CUDA driver, and only finds out at its first use that the
    driver is older than what it was built for.
    """
    import torch

    built_for = f"PyTorch {torch.__version__}, built for CUDA {torch.version.cuda},"
    count = torch.cuda.device_count()
    if not count:
        if NVIDIA_DRIVER.exists() and torch.version.cuda is None:
            return [], f"PyTorch {torch.__version__} is built without CUDA; {OTHER_PYTORCH}"
        return [], ""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return [], (
            f"{built_for} cannot use NVIDIA's driver here ({_first_sentence(error)}). Update the "
            f"driver, {OTHER_PYTORCH}, or set compute.device to cpu"
        )
    oldest = _oldest_capability()
    cards, too_old = [], []
    for card in (f"cuda:{number}" for number in range(count)):
        if torch.cuda.get_device_capability(card) >= oldest:
            cards.append(card)
        else:
            too_old.append(f"{card} ({torch.cuda.get_device_name(card)})")
    if not too_old:
        return cards, ""
    problem = f"{built_for} has no code for {', '.join(too_old)}, which it leaves out"
    return cards, f"{problem}; {OTHER_PYTORCH}"


def _oldest_capability() -> tuple[int, int]:
    """The oldest generation of cards that this PyTorch holds code for."""
    import torch

    known = [re.fullmatch(r"sm_(\d+)(\d)[af]?", name) for name in torch.cuda.get_arch_list()]
    return min(((int(m[1]), int(m[2])) for m in known if m), default=(0, 0))


def _first_sentence(error: BaseException) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].split(". ")[0].rstrip(".")


@dataclass(frozen=True)
class Arithmetic:
    """What a device has arithmetic for.

    Attributes:
        device: The device, as people know it.
        precisions: The precisions that it computes in.
        reason: Why the fastest of them is what it is.
    """

    device: str
    precisions: tuple[str, ...]
    reason: str


def choose_precision(setting: str, *devices: str) -> Choice:
    """The precision to encode in, which all devices share, with the reason.

    Args:
        setting: `compute.precision`.
        *devices: The torch devices, at least one.
    """
    return choose_common_precision(setting, [arithmetic_of(device) for device in devices])


def choose_common_precision(setting: str, devices: Sequence[Arithmetic]) -> Choice:
    """The precision to encode in, which all devices share, with the reason.

    Args:
        setting: `compute.precision`.
        devices: The devices of one machine or of several, at least one.
    """
    lacking = [one.device for one in devices if setting not in one.precisions]
    if setting == "tf32" and lacking:
        reason = f"tf32 was asked for, which {' and '.join(lacking)} cannot compute in"
        return Choice("float32", reason, fell_back=True)
    if setting != "auto":
        # PyTorch computes in them on any device, if need be by way of float32.
        lacks = f", although {' and '.join(lacking)} has no arithmetic for it" if lacking else ""
        return Choice(setting, f"asked for{lacks}")
    fastest = next(name for name in FASTEST_FIRST if all(name in one.precisions for one in devices))
    reasons = {one.reason for one in devices}
    if len(reasons) == 1:
        return Choice(fastest, reasons.pop())
    each = "; ".join(f"{one.device}: {one.reason}" for one in devices)
    return Choice(fastest, f"the fastest that all devices compute in ({each})")


def arithmetic_of(device: str) -> Arithmetic:
    """What a torch device of this machine has arithmetic for."""
    known, reason = _precisions(device)
    return Arithmetic(_describe(device), tuple(known), reason)


def _precisions(device: str) -> tuple[list[str], str]:
    """The precisions that a device has arithmetic for, and a reason for the fastest of them."""
    import torch

    if device.startswith("cuda"):
        generation = torch.cuda.get_device_capability(device)[0]
        if generation >= AMPERE:
            known = ["bfloat16", "float16", "tf32", "float32"]
            return known, "the card computes in bfloat16"
        if generation == VOLTA_AND_TURING:
            return ["float16", "float32"], "the card has no bfloat16 arithmetic, only float16"
        return ["float32"], "the card has no fast arithmetic below float32"
    if device == "cpu":
        for probe, name in (
            ("_is_amx_tile_supported", "AMX"),
            ("_is_avx512_bf16_supported", "AVX512-BF16"),
        ):
            if getattr(torch.cpu, probe, lambda: False)():
                return ["bfloat16", "float32"], f"the CPU has {name}"
        return ["float32"], "the CPU has no bfloat16 arithmetic"
    return ["float32"], f"no faster precision is known to be safe on {device}"


def _describe(device: str) -> str:
    import torch

    return (
        f"{device} ({torch.cuda.get_device_name(device)})" if device.startswith("cuda") else device
    )


def choose_faiss_device(compute: ComputeSettings) -> FaissChoice:
    """Where FAISS searches, with the reason: the CPU, or those cards that `device` names.

    Args:
        compute: Its `faiss_device` and `device` are used.

    Raises:
        SettingsError: Two builds of FAISS are installed over each other.
    """
    _refuse_two_builds()
    import faiss

    if compute.faiss_device == "cpu":
        return FaissChoice("cpu", "asked for")
    wanted = compute.faiss_device == "gpu" or NVIDIA_DRIVER.exists()
    if not hasattr(faiss, "StandardGpuResources"):
        reason = "the installed faiss has no GPU support (the extra `gpu` brings it)"
        return FaissChoice("cpu", reason, fell_back=wanted)
    if faiss.get_num_gpus() == 0:
        return FaissChoice("cpu", "FAISS sees no GPU", fell_back=wanted)
    devices = choose_devices(compute.device).devices
    cards = tuple(int(d.split(":")[1]) for d in devices if d.startswith("cuda:"))
    if not cards:
        reason = f"compute.device names no card but {', '.join(devices)}"
        return FaissChoice("cpu", reason, fell_back=compute.faiss_device == "gpu")
    return FaissChoice("gpu", f"FAISS sees {faiss.get_num_gpus()} GPU(s)", cards=cards)


def _refuse_two_builds() -> None:
    """Refuse packages that wrote the module `faiss` over each other, as it may be a mixture."""
    found = sorted({name.lower() for name in packages_distributions().get("faiss", [])})
    if len(found) > 1:
        keep = next((name for name in found if "gpu" in name), found[0])
        raise SettingsError(
            f"{' and '.join(found)} are both installed, and each provides the module faiss, so "
            f"that it may be a mixture of both. Keep one: pip uninstall -y {' '.join(found)}, then "
            f"pip install --no-deps {keep}"
        )
