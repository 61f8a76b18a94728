"""The room that nodes have for workers, and which of them compute."""

from dataclasses import replace

import pytest

from hn_assets.cluster.nodes import (
    NodeFacts,
    check_versions,
    choose_nodes,
    common_precision,
    describe_devices,
    rooms_of,
)
from hn_assets.errors import ClusterError
from hn_assets.hardware import Arithmetic
from hn_assets.settings.compute import ComputeSettings, RaySettings

AMPERE = Arithmetic("cuda:0 (A100)", ("bfloat16", "float16", "tf32", "float32"), "the card")
TURING = Arithmetic("cuda:0 (T4)", ("float16", "float32"), "the older card")


def settings(cpus: int | None = None) -> ComputeSettings:
    return ComputeSettings(engine="ray", ray=RaySettings(cpus_per_worker=cpus))


def node(place: str, *, cards: bool = False, **resources: float) -> NodeFacts:
    said = {"NodeID": place, "NodeManagerAddress": place, "Resources": resources}
    rooms = tuple(rooms_of(said, settings(), cards=cards))
    arithmetic = AMPERE if cards else Arithmetic("cpu", ("float32",), "the CPU")
    return NodeFacts(place, "1", "", "cuda:0" if cards else "cpu", arithmetic, rooms)


@pytest.mark.parametrize(
    ("resources", "cards", "cpus", "expected"),
    [
        ({"CPU": 8.0}, False, None, [8]),
        ({"CPU": 8.0}, False, 3, [3, 3]),
        ({"CPU": 2.0}, False, 4, [2]),
        ({"CPU": 0.0}, False, None, []),
        ({}, False, 2, []),
        ({"CPU": 16.0, "GPU": 4.0}, True, None, [1, 1, 1, 1]),
        ({"CPU": 16.0, "GPU": 2.0}, True, 6, [6, 6]),
        ({"CPU": 16.0}, True, None, []),
    ],
)
def test_a_worker_for_each_card_or_for_as_many_cores_as_asked(
    resources: dict[str, float], cards: bool, cpus: int | None, expected: list[int]
) -> None:
    said = {"NodeID": "n", "NodeManagerAddress": "10.0.0.1", "Resources": resources}
    rooms = rooms_of(said, settings(cpus), cards=cards)
    assert [room.cpus for room in rooms] == expected
    assert len(set(rooms)) == len(expected)
    assert {room.device for room in rooms} <= {"cuda:0" if cards else "cpu"}


def test_nodes_with_cards_compute_and_others_do_not() -> None:
    card, plain = node("10.0.0.1", cards=True, CPU=8, GPU=2), node("10.0.0.2", CPU=8)
    assert choose_nodes([plain, card], "auto") == [card]
    assert choose_nodes([plain], "auto") == [plain]
    choice = describe_devices([card])
    assert choice.devices == ["cuda:0", "cuda:0"]
    assert choice.reason == "every CUDA card of Ray: 2 on 10.0.0.1"
    assert not choice.fell_back


def test_a_card_that_pytorch_cannot_use_is_told() -> None:
    plain = replace(node("10.0.0.2", CPU=8), problem="the driver is too old")
    with pytest.raises(ClusterError, match=r"no node of Ray has a card.*10\.0\.0\.2: the driver"):
        choose_nodes([plain], "cuda")
    choice = describe_devices(choose_nodes([plain], "auto"))
    assert choice.fell_back
    assert "the driver is too old" in choice.reason


def test_a_cluster_without_cores_is_refused() -> None:
    with pytest.raises(ClusterError, match="no node of Ray has a core"):
        choose_nodes([node("10.0.0.1", CPU=0)], "auto")


def test_unlike_nodes_share_the_fastest_precision_of_all() -> None:
    new = node("10.0.0.1", cards=True, CPU=8, GPU=1)
    old = replace(node("10.0.0.2", cards=True, CPU=8, GPU=1), arithmetic=TURING)
    assert common_precision([new, new], "auto").value == "bfloat16"
    shared = common_precision([new, old], "auto")
    assert shared.value == "float16"
    assert "cuda:0 (T4) on 10.0.0.2: the older card" in shared.reason
    assert common_precision([new, old], "tf32").fell_back


def test_nodes_with_another_version_are_named() -> None:
    check_versions([node("10.0.0.1", CPU=1)], "1")
    other = replace(node("10.0.0.2", CPU=1), version="0.9")
    none = replace(node("10.0.0.3", CPU=1), version=None, problem="No module named 'hn_assets'")
    with pytest.raises(ClusterError) as raised:
        check_versions([node("10.0.0.1", CPU=1), other, none], "1")
    message = str(raised.value)
    assert "needs hn_assets 1" in message
    assert "10.0.0.2 has 0.9, 10.0.0.3 has none (No module named 'hn_assets')" in message
    assert "10.0.0.1" not in message


@pytest.mark.parametrize("device", ["mps", "cuda:1", "cuda:0,cuda:1"])
def test_devices_of_this_machine_are_refused(device: str) -> None:
    with pytest.raises(ValueError, match=f"{device}.*set device to auto, cuda or cpu"):
        ComputeSettings(engine="ray", device=device)
    assert ComputeSettings(device=device).engine == "in_process"
