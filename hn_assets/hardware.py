"""Which device encodes, in which precision, and which device FAISS searches on.

Nothing here falls back in silence: every choice comes with its reason.
"""

from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

from hn_assets.errors import SettingsError
from hn_assets.settings.compute import ComputeSettings

# Asking torch would take a second, which a search on the CPU need not wait.
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


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
class FaissChoice(Choice):
    """Where FAISS searches, and why.

    Attributes:
        cards: The numbers of the cards, if `value` is `gpu`.
    """

    cards: tuple[int, ...] = ()


def choose_devices(setting: str) -> list[str]:
    """The torch devices to encode on, at least one.

    Args:
        setting: `compute.device`.

    Raises:
        SettingsError: A device is asked for that this machine does not have.
    """
    import torch

    cards = [f"cuda:{card}" for card in range(torch.cuda.device_count())]
    if setting == "auto":
        if cards:
            return cards
        return ["mps"] if torch.backends.mps.is_available() else ["cpu"]
    if setting == "cuda":
        if not cards:
            raise SettingsError("compute.device is cuda, and torch sees no CUDA card here")
        return cards
    devices = [part.strip() for part in setting.split(",")]
    for device in devices:
        known = device in ("cpu", *cards) or (device == "mps" and torch.backends.mps.is_available())
        if not known:
            raise SettingsError(
                f"compute.device names {device!r}; this machine has "
                f"{', '.join(['cpu', *cards, *(['mps'] * torch.backends.mps.is_available())])}"
            )
    return devices


def choose_precision(setting: str, device: str) -> Choice:
    """The precision to encode in on `device`, with the reason.

    Args:
        setting: `compute.precision`.
        device: The first of the torch devices.
    """
    import torch

    if setting != "auto":
        return Choice(setting, "asked for")
    if device.startswith("cuda"):
        if torch.cuda.get_device_capability(device)[0] >= 8:
            return Choice("bfloat16", "the card computes in bfloat16")
        return Choice("float16", "the card has no bfloat16 units")
    if device == "cpu":
        for probe, name in (
            ("_is_amx_tile_supported", "AMX"),
            ("_is_avx512_bf16_supported", "AVX512-BF16"),
        ):
            if getattr(torch.cpu, probe, lambda: False)():
                return Choice("bfloat16", f"the CPU has {name}")
        return Choice("float32", "the CPU has no bfloat16 arithmetic")
    return Choice("float32", f"no faster precision is known to be safe on {device}")


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
    devices = choose_devices(compute.device)
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
