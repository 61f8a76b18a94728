"""The process that speaks to Ray: it connects, looks at the nodes, and gives them jobs.

It is a process of its own because Ray ends whatever process has lost the head of its cluster.
"""

import os
import pickle
import queue
import socket
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from hn_assets import __version__
from hn_assets.cluster.nodes import NodeFacts, check_versions, choose_nodes, rooms_of
from hn_assets.cluster.shipped_files import ShippedFiles
from hn_assets.errors import (
    ClusterError,
    ClusterUnavailableError,
    HardNegativesError,
    WorkerError,
)
from hn_assets.extras import import_optional
from hn_assets.settings.compute import AUTO, DAGSTER, LOCAL, ComputeSettings

CONNECT_SECONDS = 10.0  # in which an address has to answer
PROBE_SECONDS = 60.0  # in which a node has to say what it has
WATCH_SECONDS = 2.0  # between two looks at whether the head is there
CLIENT = "ray://"
SIGN_IN = (
    "If the cluster asks for a token, RAY_AUTH_MODE=token and RAY_AUTH_TOKEN or "
    "RAY_AUTH_TOKEN_PATH must be set here as they are there"
)


@dataclass(frozen=True)
class Task:
    """What the workers are to do.

    Attributes:
        load: Makes what computes, on a node: a pickled `node_worker.Load`.
        files: The files that it needs there; None if it needs none.
        verb: What the workers do, for errors, such as `encodes`.
        parts: Gives the jobs by which a worker takes a part of the data: a pickled function of the
            part's number; None if there are no parts.
        most: The most workers; None for all that there is room for.
    """

    load: bytes
    files: ShippedFiles | None
    verb: str
    parts: bytes | None = None
    most: int | None = None


class Link:
    """To the parent; several threads may send.

    Args:
        connection: The connection.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, *message: Any) -> None:
        """Send a message to the parent; this process ends if there is none."""
        try:
            with self._lock:
                self._connection.send(message)
        except OSError:
            os._exit(1)

    def read(self, take: Callable[[Any], None]) -> None:
        """Hand over what the parent sends until it closes the link, and end this process then."""
        try:
            while True:
                take(self._connection.recv())
        except (EOFError, OSError):
            os._exit(1)


def serve(compute: ComputeSettings, lost_after: float, connection: Connection) -> None:
    """Connect to Ray, then do what the parent sends.

    Sent to the parent are tuples that begin with a word:

    - `nodes`: the nodes that compute;
    - `workers`: how each of the workers computes that are ready, pickled, by the worker's number;
    - `done`: the number of a job, that of its worker, and the result with how it was computed,
      pickled;
    - `log`: a line;
    - `error`: what was raised, pickled; the process ends.

    Args:
        compute: The settings.
        lost_after: After how many seconds without its head a cluster is lost.
        connection: To the parent, which sends a `Task`, then jobs: their number, the job pickled,
            and the part of the data that it needs or None; then perhaps another task with its jobs;
            and None at the end.
    """
    link = Link(connection)
    try:
        ray = _connect(compute)
        threading.Thread(target=_watch, args=(ray, lost_after, link), daemon=True).start()
        nodes = _look_at_nodes(ray, compute)
        link.send("nodes", nodes)
        events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        reader = threading.Thread(
            target=link.read, args=(lambda said: events.put(("parent", said)),), daemon=True
        )
        reader.start()
        _, task = events.get()
        if task is not None:
            from hn_assets.cluster.node_workers import NodeWorkers

            workers = NodeWorkers(ray, compute, nodes, events, link)
            while task is not None:
                task = workers.run(task)
        ray.shutdown()
    except (HardNegativesError, WorkerError) as error:
        link.send("error", pickle.dumps(error))
    except ConnectionError as error:  # of Ray's client
        link.send("error", pickle.dumps(lost(_first_line(error))))
    except Exception as error:
        traceback.print_exc()
        link.send("error", pickle.dumps(f"{type(error).__name__}: {error}"))
    os._exit(0)  # Ray's own end can wait for what is lost


def _connect(compute: ComputeSettings) -> Any:
    address = compute.ray.address
    if address == DAGSTER:
        raise ClusterError(
            "compute.ray.address is dagster, which means the resource ray of Dagster's "
            "definitions: without Dagster, set it to local, auto or an address"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray: Any = import_optional("ray", extra="ray", needed_for="compute.engine: ray")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning"}
    if address == LOCAL:
        options["include_dashboard"] = False
    if address == AUTO:
        address = os.environ.get("RAY_ADDRESS") or address
    answers = False
    try:
        if ":" in address:  # Ray would wait for minutes for one that is not there
            _knock(address.removeprefix(CLIENT), CONNECT_SECONDS)
            answers = True
        ray.init(address=address, **options)
    except Exception as error:  # Ray raises errors of many kinds
        if answers:
            raise ClusterUnavailableError(
                f"compute.ray.address is {address}, where something answers, but Ray cannot "
                f"connect ({_first_line(error)}). Its token is missing here or another one, its "
                f"version of Ray is not the one here, or it is no head of Ray. {SIGN_IN}"
            ) from error
        raise ClusterUnavailableError(
            f"compute.ray.address is {address}, and there is no cluster of Ray that can be used "
            f"({_first_line(error)}). Start one with `ray start --head`, or correct the address. "
            f"{SIGN_IN}"
        ) from error
    return ray


def _look_at_nodes(ray: Any, compute: ComputeSettings) -> list[NodeFacts]:
    """What the nodes are that compute; all are asked at the same time."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # Defined here, so that Ray sends its code: the node need not have this package.
    def look(node: dict[str, Any], compute_json: str, own: str) -> Any:
        try:
            import hn_assets
        except ImportError as error:
            return None, str(error), None
        if hn_assets.__version__ != own:
            return hn_assets.__version__, "", None
        from hn_assets.cluster.ray_process import describe_node

        return own, "", describe_node(node, compute_json)

    asked: dict[Any, dict[str, Any]] = {}
    for node in ray.nodes():
        has = node["Resources"]
        if not node["Alive"] or not (has.get("CPU") or has.get("GPU")):
            continue
        uses_card = compute.device != "cpu" and has.get("GPU", 0) >= 1
        options = {
            "num_cpus": 0,
            "num_gpus": 1 if uses_card else 0,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            "max_retries": 0,
        }
        known = {name: node[name] for name in ("NodeID", "NodeManagerAddress", "Resources")}
        remote = ray.remote(look).options(**options)
        asked[remote.remote(known, compute.model_dump_json(), __version__)] = known
    ready, silent = ray.wait(list(asked), num_returns=len(asked), timeout=PROBE_SECONDS)
    if silent:
        places = ", ".join(asked[one]["NodeManagerAddress"] for one in silent)
        raise ClusterUnavailableError(
            f"nodes of Ray have not answered in {PROBE_SECONDS:.0f} s: {places}. Their cards may "
            f"all be in use by other work, or they hang; start the run again once they are free"
        )
    found = []
    for one in ready:
        place = asked[one]["NodeManagerAddress"]
        try:
            version, problem, facts = ray.get(one)
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError:
            continue  # the node has died since
        found.append(facts or NodeFacts(place, version, problem, "cpu", None, ()))
    check_versions(found, __version__)
    return choose_nodes(found, compute.device)


def describe_node(node: dict[str, Any], compute_json: str) -> NodeFacts:
    """What this node has; called on the node.

    Args:
        node: What `ray.nodes()` says of it.
        compute_json: The settings.
    """
    from hn_assets.hardware import Arithmetic, arithmetic_of, choose_devices

    compute = ComputeSettings.model_validate_json(compute_json)
    has_cards = compute.device != "cpu" and node["Resources"].get("GPU", 0) >= 1
    choice = choose_devices("auto" if has_cards else "cpu")
    device = choice.devices[0] if choice.devices[0].startswith("cuda") else "cpu"
    rooms = rooms_of(node, compute, cards=device != "cpu")
    problem = choice.reason if choice.fell_back else ""
    arithmetic = Arithmetic(device, ("float32",), "asked for")  # which every device has
    if compute.precision != "float32":
        arithmetic = arithmetic_of(device)
    return NodeFacts(
        node["NodeManagerAddress"],
        __version__,
        problem,
        device,
        arithmetic,
        tuple(rooms),
    )


def _watch(ray: Any, lost_after: float, link: Link) -> NoReturn:
    """End this process with an error once the head has not answered for long.

    Ray itself would end it without a word after a minute.
    """
    address = ray.get_runtime_context().gcs_address
    is_client = ray.util.client.ray.is_connected()
    last = time.monotonic()
    while True:
        time.sleep(WATCH_SECONDS)
        with suppress(OSError):
            if is_client:
                is_there = ray.util.client.ray.is_connected()
            else:
                is_there = _knock(address, WATCH_SECONDS)
            if is_there:
                last = time.monotonic()
        if time.monotonic() - last > lost_after:
            error = lost(f"its head has not answered for {lost_after:.0f} s")
            link.send("error", pickle.dumps(error))
            os._exit(1)


def _knock(address: str, seconds: float) -> bool:
    """Connect to an address.

    Raises:
        OSError: Nobody is there.
        ValueError: It is no address.
    """
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), seconds).close()
    return True


def lost(why: str) -> ClusterError:
    """The error for a cluster that is gone.

    Args:
        why: What was noticed.
    """
    return ClusterUnavailableError(
        f"the cluster of Ray is lost: {why}. What was computed before is kept: start the cluster "
        f"again, and the next run goes on from there"
    )


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0].strip().rstrip(".")
