"""A cluster of Ray, as others use it: the devices of its nodes, and workers that compute jobs."""

import multiprocessing
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from typing import Any, Generic, NoReturn, TypeVar

from hn_assets.closing import ClosedAtExit
from hn_assets.cluster.node_worker import Load
from hn_assets.cluster.node_workers import AHEAD
from hn_assets.cluster.nodes import NodeFacts, common_precision, describe_devices
from hn_assets.cluster.ray_process import SIGN_IN, Task, lost, serve
from hn_assets.cluster.shipped_files import ShippedFiles
from hn_assets.errors import ClusterUnavailableError, WorkerError
from hn_assets.hardware import Choice, DeviceChoice
from hn_assets.settings.compute import ComputeSettings

CONNECT_SECONDS = 120.0  # in which a cluster has to be reached, and its nodes have to answer
HEAD_SECONDS = 30.0  # without an answer of its head, after which a cluster is lost
CLOSE_SECONDS = 10.0

Job = TypeVar("Job")


class RayCluster(ClosedAtExit):
    """A connection to a cluster of Ray, through a process of its own.

    Args:
        compute: The settings of the device and of Ray.
        log: Takes a line when a worker is lost.

    Attributes:
        device_choice: A device for each worker, and why these.
        job_numbers: Numbers for jobs, none of which is given twice.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterUnavailableError: There is no such cluster, or it does not answer.
        ClusterError: Its nodes cannot compute what is asked, or have another version.
    """

    def __init__(self, compute: ComputeSettings, log: Callable[[str], None]) -> None:
        self._log, self._address = log, compute.ray.address
        self.job_numbers = count()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._link: Connection = ours
        self._process: Any = context.Process(
            target=serve, args=(compute, HEAD_SECONDS, theirs), daemon=True
        )
        self._process.start()
        theirs.close()
        if not ours.poll(CONNECT_SECONDS):
            self._process.kill()
            raise ClusterUnavailableError(
                f"the cluster of Ray at {self._address} has not answered in "
                f"{CONNECT_SECONDS:.0f} s. {SIGN_IN}"
            )
        self._nodes: list[NodeFacts] = self.receive()[1]
        self.device_choice: DeviceChoice = describe_devices(self._nodes)

    def choose_precision(self, setting: str) -> Choice:
        """The precision that all devices share, with the reason.

        Args:
            setting: `compute.precision`.
        """
        return common_precision(self._nodes, setting)

    def send(self, message: Any) -> None:
        """Send something to the process that speaks to Ray."""
        try:
            self._link.send(message)
        except OSError:
            self.receive()  # why it has ended
            self._fail()

    def receive(self) -> tuple[Any, ...]:
        """What the process says next; lines go to the log.

        Raises:
            HardNegativesError: What went wrong, if a user can put it right.
            WorkerError: A worker could not compute a job.
        """
        while True:
            try:
                kind, *content = self._link.recv()
            except (EOFError, OSError):
                self._fail()
            if kind == "log":
                self._log(content[0])
            elif kind == "error":
                error = pickle.loads(content[0])
                self.close()
                raise error if isinstance(error, Exception) else WorkerError(f"Ray: {error}")
            else:
                return kind, *content

    def close(self) -> None:
        """End the workers, and the process that speaks to Ray."""
        if self._process.is_alive():
            with suppress(EOFError, OSError):
                self._link.send(None)
                while self._link.poll(CLOSE_SECONDS):  # it may still have something to say
                    self._link.recv_bytes()
            self._process.kill()
        self._process.join()
        self._link.close()

    def _fail(self) -> NoReturn:
        self._process.join(CLOSE_SECONDS)
        code = self._process.exitcode
        self.close()
        raise lost(f"the process that speaks to it has ended (exit code {code})")


class RayWorkers(Generic[Job]):
    """Computes jobs by workers on the nodes of a cluster, all of them from one stream.

    Args:
        cluster: The cluster. It has one set of workers at a time: those that are started later
            take the place of earlier ones, whose processes they use.
        load: Makes what computes; it is called on the nodes.
        files: The files that `load` needs there; None if it needs none.
        verb: What the workers do, for errors, such as `encodes`.
        parts: If the data are spread over the workers, gives the jobs by which a worker takes the
            part of a number. Every job then has an attribute `part`: it is computed by a worker
            that has that part, and another worker takes the part if that one dies.
        most: The most workers; None for all that there is room for.

    Raises:
        ClusterError: The cluster is lost, or a node cannot be used; raised by `start` and
            `compute`.
        WorkerError: A job cannot be computed, or workers die again and again.
        HardNegativesError: What a worker raised that a user can put right.
    """

    def __init__(
        self,
        cluster: RayCluster,
        load: Load,
        files: ShippedFiles | None,
        verb: str,
        parts: Callable[[int], Iterator[Any]] | None = None,
        *,
        most: int | None = None,
    ) -> None:
        self._cluster = cluster
        self._has_parts = parts is not None
        given = pickle.dumps(parts) if self._has_parts else None
        self._task = Task(pickle.dumps(load), files, verb, given, most)
        self._reports: dict[int, Any] = {}  # by the number of the worker
        self._is_started = False

    def start(self) -> list[Any]:
        """Start the workers, if they are not running; returns how each has computed so far."""
        if not self._is_started:
            self._cluster.send(self._task)
            self._is_started = True
        while not self._reports:
            self._receive()
        return list(self._reports.values())

    def compute(
        self, batches: Iterable[Job], *, in_order: bool = False
    ) -> Iterator[tuple[Job, Any]]:
        """Each job with its result.

        Args:
            batches: The jobs.
            in_order: Whether results come in the order of the jobs, else as they are ready. Those
                that are ready too early are kept here, so many at most as workers may have jobs.
        """
        self.start()
        coming = iter(batches)
        under_way: dict[int, Job] = {}
        early: dict[int, Any] = {}
        is_over = False
        while True:
            while not is_over and len(under_way) < AHEAD * len(self._reports):
                job: Any = next(coming, None)
                if job is None:
                    is_over = True
                else:
                    number = next(self._cluster.job_numbers)
                    under_way[number] = job
                    content = pickle.dumps(job, protocol=pickle.HIGHEST_PROTOCOL)
                    part = job.part if self._has_parts else None
                    self._cluster.send((number, content, part))
            if not under_way:
                return
            done = self._receive()
            if done is None or done[0] not in under_way:
                continue
            number, result = done
            if not in_order:
                yield under_way.pop(number), result
                continue
            early[number] = result
            while (first := next(iter(under_way), None)) in early:
                yield under_way.pop(first), early.pop(first)

    def close(self) -> None:
        """End the workers and the connection."""
        self._cluster.close()

    def _receive(self) -> tuple[int, Any] | None:
        """The number of a job with its result, or None after a change of the workers."""
        kind, *content = self._cluster.receive()
        if kind == "workers":
            known = self._reports
            self._reports = {
                number: known.get(number) or pickle.loads(report)
                for number, report in content[0].items()
            }
            return None
        number, worker, answer = content
        result, report = pickle.loads(answer)
        if worker in self._reports:
            self._reports[worker] = report
        return number, result


def cluster_on_cores(
    compute: ComputeSettings, log: Callable[[str], None]
) -> Callable[[], RayCluster] | None:
    """What connects to the cluster for what uses the cores of all nodes, and no card.

    Args:
        compute: The settings.
        log: Takes a line when a worker is lost.

    Returns:
        None if the settings name no cluster.
    """
    if compute.engine != "ray":
        return None
    # in this precision a node need not look at what it could compute in
    on_cores = compute.model_copy(update={"device": "cpu", "precision": "float32"})
    return partial(RayCluster, on_cores, log)
