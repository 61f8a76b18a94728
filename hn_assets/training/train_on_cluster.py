"""Fine-tune a model on a node of a cluster: files go there, progress and the model come back."""

import shutil
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hn_assets.cluster.ray_cluster import RayCluster, RayWorkers
from hn_assets.cluster.shipped_files import PART_BYTES, ShippedFiles, node_folder, remove_unused
from hn_assets.encoding.models.model_files import model_files
from hn_assets.training.fine_tune import TrainingReport, fine_tune
from hn_assets.training.training_job import TrainingJob

LOOK_SECONDS = 2.0  # in which a node waits for progress before it answers
MODEL, EVENTS = "model", "tensorboard"  # the folders that come back


@dataclass(frozen=True)
class TakeFile:
    """A node is to take the next bytes of a file of rows."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Begin:
    """A node is to begin training, on the files of rows that it has taken."""

    job: TrainingJob


@dataclass(frozen=True)
class Look:
    """A node is to say how the training goes."""

    part: int = 0


@dataclass(frozen=True)
class Fetch:
    """A node is to give bytes of a file that was made, from `start` on."""

    name: str
    start: int
    part: int = 0


@dataclass(frozen=True)
class Progress:
    """How the training goes.

    Attributes:
        lines: What it has said since the last look.
        report: What came of it; None if it is not over.
        files: The files that were made, and their sizes.
    """

    lines: list[str]
    report: TrainingReport | None
    files: dict[str, int]


class NodeTraining:
    """One training on a node.

    Args:
        device: The torch device.
        folder: The folder of the model that training starts from.

    Attributes:
        report: Nothing is to be said of how jobs are computed.
    """

    report = None

    def __init__(self, device: str, folder: Path | None) -> None:
        self._device, self._start = device, folder
        self._scratch = tempfile.TemporaryDirectory()
        self._folder = Path(self._scratch.name)
        self._lines: deque[str] = deque()
        self._thread: threading.Thread | None = None
        self._result: TrainingReport | None = None
        self._error: Exception | None = None

    def compute(self, jobs: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Each job with its answer."""
        for job in jobs:
            if isinstance(job, TakeFile):
                with (self._folder / job.name).open("ab") as file:
                    file.write(job.data)
                yield job, None
            elif isinstance(job, Begin):
                self._begin(job.job)
                yield job, None
            elif isinstance(job, Look):
                yield job, self._look()
            else:
                yield job, self._read(job)

    def _begin(self, job: TrainingJob) -> None:
        for name in (MODEL, EVENTS):
            (self._folder / name).mkdir()
        remove_unused(node_folder("checkpoints"))
        checkpoints = node_folder("checkpoints") / Path(job.checkpoints).name
        here = replace(
            job,
            start=str(self._start),
            training_rows=str(self._folder / Path(job.training_rows).name),
            validation_rows=job.validation_rows
            and str(self._folder / Path(job.validation_rows).name),
            checkpoints=str(checkpoints),
            output=str(self._folder / MODEL),
            devices=[self._device],
        )
        self._thread = threading.Thread(target=self._train, args=(here,), daemon=True)
        self._thread.start()

    def _train(self, job: TrainingJob) -> None:
        try:
            report = fine_tune(job, self._lines.append)
            if job.event_files.is_dir():
                shutil.copytree(job.event_files, self._folder / EVENTS, dirs_exist_ok=True)
            shutil.rmtree(job.checkpoints, ignore_errors=True)
            self._result = replace(report, node=socket.gethostname())
        except Exception as error:  # raised again by the next look
            self._error = error

    def _look(self) -> Progress:
        assert self._thread is not None, "the training has begun"
        self._thread.join(LOOK_SECONDS)
        if self._error is not None:
            raise self._error
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if self._result is None:
            return Progress(lines, None, {})
        files = {
            path.relative_to(self._folder).as_posix(): path.stat().st_size
            for name in (MODEL, EVENTS)
            for path in sorted((self._folder / name).rglob("*"))
            if path.is_file()
        }
        return Progress(lines, self._result, files)

    def _read(self, job: Fetch) -> bytes | None:
        if self._result is None:  # another worker has trained, and died since
            return None
        with (self._folder / job.name).open("rb") as file:
            file.seek(job.start)
            return file.read(PART_BYTES)


def _jobs_before(part: int, *, job: TrainingJob) -> Iterator[TakeFile | Begin]:
    """What a node gets before it trains."""
    for path in filter(None, (job.training_rows, job.validation_rows)):
        with Path(path).open("rb") as file:
            while data := file.read(PART_BYTES):
                yield TakeFile(Path(path).name, data)
    yield Begin(job)


def fine_tune_on(
    cluster: RayCluster, job: TrainingJob, log: Callable[[str], None]
) -> TrainingReport:
    """Train a model on one node, as `fine_tune` does here, with one of its devices.

    Checkpoints stay on the node until training is done. A worker that dies is started again, on
    the same node if it is still there, where it goes on from them; on another one it begins anew.

    Args:
        cluster: The cluster, which is left connected.
        job: What is trained, and how.
        log: Takes a line of progress now and then.

    Raises:
        ClusterError: The cluster is lost.
        WorkerError: The training has failed.
    """
    start = Path(job.start)
    workers: RayWorkers[Any] = RayWorkers(
        cluster,
        NodeTraining,
        ShippedFiles.of(start, start.name, model_files(start)),
        "trains",
        partial(_jobs_before, job=job),
        most=1,
    )

    def answer(question: Look | Fetch) -> Any:
        ((_, found),) = workers.compute([question])
        return found

    while True:
        progress: Progress = answer(Look())
        for line in progress.lines:
            log(line)
        if progress.report is not None and _fetch_all(progress.files, job, answer):
            return progress.report


class TrainingOnCluster:
    """Trains one job after another on a node of a cluster, as `TrainingProcess` does here.

    Args:
        cluster: The cluster.
    """

    def __init__(self, cluster: RayCluster) -> None:
        self._cluster = cluster

    def fine_tune(self, job: TrainingJob, log: Callable[[str], None]) -> TrainingReport:
        """Train a model as `fine_tune_on` does."""
        return fine_tune_on(self._cluster, job, log)


def _fetch_all(
    files: dict[str, int], job: TrainingJob, answer: Callable[[Fetch], bytes | None]
) -> bool:
    """Fetch the files that were made; false if the node that had them is lost."""
    places = {MODEL: Path(job.output), EVENTS: job.event_files}
    for name, size in files.items():
        folder, _, rest = name.partition("/")
        path = places[folder] / rest
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            while file.tell() < size:
                data = answer(Fetch(name, file.tell()))
                if data is None:
                    return False
                file.write(data)
    return True
