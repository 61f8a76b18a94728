"""The nodes of a cluster: what each of them has, and the workers that it has room for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hn_assets.errors import ClusterError
from hn_assets.hardware import Arithmetic, Choice, DeviceChoice, choose_common_precision
from hn_assets.settings.compute import ComputeSettings


@dataclass(frozen=True)
class Room:
    """Room for a worker on a node.

    Attributes:
        node: Ray's id of the node.
        place: The node's address, for people.
        number: Which of the node's workers it is, from 0.
        cpus: How many cores it has.
        has_card: Whether it has a card.
    """

    node: str
    place: str
    number: int
    cpus: int
    has_card: bool

    @property
    def device(self) -> str:
        """The torch device, which is the only one that its worker sees."""
        return "cuda:0" if self.has_card else "cpu"


@dataclass(frozen=True)
class NodeFacts:
    """What a node says of itself.

    Attributes:
        place: The node's address.
        version: The version of this package there; None if it cannot be imported.
        problem: Why that is so, or why a card of the node is not used; "" if all is well.
        device: The torch device that a worker there computes on.
        arithmetic: What that device computes in; None if the version is another one.
        rooms: The room for workers.
    """

    place: str
    version: str | None
    problem: str
    device: str
    arithmetic: Arithmetic | None
    rooms: tuple[Room, ...]


def rooms_of(node: Mapping[str, Any], compute: ComputeSettings, *, cards: bool) -> list[Room]:
    """The room for workers on a node.

    Args:
        node: What `ray.nodes()` says of it.
        compute: Its `ray.cpus_per_worker` is used.
        cards: Whether workers compute on cards.
    """
    has, wanted = node["Resources"], compute.ray.cpus_per_worker
    cores = int(has.get("CPU", 0))
    if cards:
        count, cpus = int(has.get("GPU", 0)), min(wanted or 1, cores)
    else:
        cpus = min(wanted or cores, cores)
        count = cores // cpus if cpus else 0
    place = node["NodeManagerAddress"]
    return [Room(node["NodeID"], place, number, cpus, cards) for number in range(count)]


def check_versions(nodes: Sequence[NodeFacts], own: str) -> None:
    """Refuse nodes that would compute by other code than this.

    Args:
        nodes: The nodes.
        own: The version of this package here.

    Raises:
        ClusterError: A node lacks this package, or has another version of it.
    """
    others = [node for node in nodes if node.version != own]
    if others:
        found = ", ".join(
            f"{node.place} has {node.version or f'none ({node.problem})'}" for node in others
        )
        raise ClusterError(
            f"every node of Ray needs hn_assets {own}, as it is installed here: {found}. Install "
            f"the same version there, or start the nodes from the same image"
        )


def choose_nodes(nodes: Sequence[NodeFacts], setting: str) -> list[NodeFacts]:
    """The nodes that compute: those with cards if there are any, else all.

    Args:
        nodes: The nodes.
        setting: `compute.device`.

    Raises:
        ClusterError: None of them can compute as the setting asks.
    """
    with_cards = [node for node in nodes if node.device != "cpu" and node.rooms]
    if with_cards:
        return with_cards
    if setting == "cuda":
        problems = "; ".join(f"{node.place}: {node.problem}" for node in nodes if node.problem)
        raise ClusterError(
            f"compute.device is cuda, and no node of Ray has a card that PyTorch can use"
            f"{f' ({problems})' if problems else ''}"
        )
    usable = [node for node in nodes if node.rooms]
    if not usable:
        raise ClusterError(
            "no node of Ray has a core to compute on: start one with more than 0 CPUs, or lower "
            "compute.ray.cpus_per_worker"
        )
    return usable


def describe_devices(nodes: Sequence[NodeFacts]) -> DeviceChoice:
    """The devices of the workers, with the reason."""
    devices = [room.device for node in nodes for room in node.rooms]
    places = ", ".join(
        f"{len(node.rooms)} on {node.place}" if len(node.rooms) > 1 else node.place
        for node in nodes
    )
    problems = "; ".join(f"{node.place}: {node.problem}" for node in nodes if node.problem)
    kind = "CUDA card" if devices[0] != "cpu" else "worker"
    reason = f"every {kind} of Ray: {places}{f'; {problems}' if problems else ''}"
    return DeviceChoice(devices, reason, fell_back=bool(problems))


def common_precision(nodes: Sequence[NodeFacts], setting: str) -> Choice:
    """The precision that the devices of all nodes share, with the reason."""
    return choose_common_precision(
        setting,
        [
            Arithmetic(f"{one.device} on {node.place}", one.precisions, one.reason)
            for node in nodes
            if (one := node.arithmetic) is not None
        ],
    )
