"""A process that dies, hangs or runs out of memory: the run ends soon, or goes on; it never hangs.

Encoder and reranker, each on two copies on a CPU, with the limits of time that users have.
"""

import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil
import pytest
import torch

from hn_assets.encoding.devices.worker_pool import OnePerDevice
from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import load_model
from hn_assets.errors import WorkerError
from hn_assets.reranking.model import identify_reranker
from hn_assets.reranking.reranker import Reranker
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets_tests.small_models import make_tiny_bert

pytestmark = pytest.mark.soak

TEXTS = [f"text number {i} " + "and more " * (i % 50) for i in range(400)]
LONG = ["long " * 600] * 64
MAX_TOKENS = 256
SECONDS = 30  # in which a run ends, once its processes have loaded their models
Event = Literal["dies", "sleeps", "spins", "out of memory"]


@dataclass(frozen=True)
class Failing:
    """Loads what computes in a process, and lets something happen to it.

    Attributes:
        load: Loads it.
        event: What happens.
        at: After how many forward passes it happens, then at each.
        folder: Where a file tells when it happened first.
    """

    load: Callable[[str], Any]
    event: Event
    at: int
    folder: Path

    def __call__(self, device: str) -> Any:
        computer = self.load(device)
        module: torch.nn.Module = getattr(computer, "_plain", None) or computer._model
        seen = 0

        def happen(_: Any, __: Any, arguments: dict[str, Any]) -> None:
            nonlocal seen
            seen += 1
            if seen <= self.at:
                return
            if seen == self.at + 1:
                (self.folder / str(os.getpid())).touch()
            if self.event == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            while self.event == "sleeps":
                time.sleep(60)
            while self.event == "spins":
                pass
            if arguments["input_ids"].numel() > 128:
                raise torch.OutOfMemoryError("CUDA out of memory")

        module.register_forward_pre_hook(happen, with_kwargs=True)
        return computer


@dataclass(frozen=True)
class Confined:
    """Loads what computes in a process whose memory may then grow by so many MiB alone."""

    load: Callable[[str], Any]
    mib: int

    def __call__(self, device: str) -> Any:
        computer = self.load(device)
        limit = psutil.Process().memory_info().vms + (self.mib << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        return computer


@dataclass
class Computing:
    """An encoder or a reranker on two devices, and the same on one."""

    two: Any
    one: Any
    run: Callable[[Any, list[str]], np.ndarray]

    def replace(self, change: Callable[[Callable[[str], Any]], Any]) -> None:
        """Change what its processes load."""
        workers: OnePerDevice[Any] = self.two._workers
        workers._load = change(workers._load)


@pytest.fixture(params=["encodes", "scores"])
def computing(
    request: pytest.FixtureRequest, model: Path, teacher_folder: Path
) -> Iterator[Computing]:
    devices = ["cpu", "cpu"]
    options: dict[str, Any] = {"max_tokens_per_batch": MAX_TOKENS}
    if request.param == "encodes":
        settings = EncodingSettings(model=str(model), pooling="mean")
        loaded = load_model(settings, devices=["cpu"], precision="float32")
        two, one = (Encoder(loaded, devices=given, **options) for given in (devices, ["cpu"]))
        found = Computing(two, one, lambda encoder, texts: encoder.encode(texts, "passage"))
    else:
        teacher = TeacherSettings(model=str(teacher_folder))
        identity = identify_reranker(teacher)
        two, one = (
            Reranker(identity, teacher, devices=given, precision="float32", **options)
            for given in (devices, ["cpu"])
        )
        found = Computing(two, one, lambda r, texts: r.score([("a query", t) for t in texts]))
    yield found
    found.two.close()


# The first 4 forward passes are trials, of which the first loads what computes.
@pytest.mark.parametrize("at", [0, 4, 20])
@pytest.mark.parametrize(
    ("event", "says"),
    [
        ("dies", r"ended by itself \(exit code -9\)"),
        ("sleeps", "has given no answer for 2[0-9] s"),
        ("spins", "has given no answer for 2[0-9] s"),
    ],
)
def test_a_process_that_dies_or_hangs_ends_the_run(
    computing: Computing, tmp_path: Path, event: Event, says: str, at: int
) -> None:
    computing.replace(lambda load: Failing(load, event, at, tmp_path))
    with pytest.raises(WorkerError, match=f"on cpu {says}.*What was computed before is kept"):
        computing.run(computing.two, TEXTS)
    happened = max(path.stat().st_mtime for path in tmp_path.iterdir())
    seconds = time.time() - happened
    print(f"{event} at pass {at}: the run ended after {seconds:.1f} s")
    assert seconds < SECONDS
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("at", [0, 4])
def test_a_process_that_runs_out_of_memory_goes_on_with_smaller_batches(
    computing: Computing, tmp_path: Path, at: int
) -> None:
    computing.replace(lambda load: Failing(load, "out of memory", at, tmp_path))
    found = computing.run(computing.two, TEXTS)
    np.testing.assert_allclose(found, computing.run(computing.one, TEXTS), atol=1e-5)
    assert all(report.max_tokens for report in computing.two._workers.start())


def test_a_process_whose_memory_is_really_used_up_goes_on_with_smaller_batches(
    tmp_path: Path,
) -> None:
    # What a batch of 16,384 tokens needs between the layers is hundreds of MiB.
    settings = EncodingSettings(model=str(make_tiny_bert(tmp_path, dimension=512)), pooling="mean")
    loaded = load_model(settings, devices=["cpu"], precision="float32")
    two = Encoder(loaded, devices=["cpu", "cpu"], max_tokens_per_batch=16_384)
    try:
        workers: Any = two._workers
        workers._load = Confined(workers._load, mib=150)
        found = two.encode(LONG, "passage")
        reports = two.device_reports()
        assert all(report.max_tokens for report in reports), [r.max_tokens for r in reports]
    finally:
        two.close()
    one = Encoder(loaded, devices=["cpu"]).encode(LONG, "passage")
    np.testing.assert_allclose(found, one, atol=1e-5)
