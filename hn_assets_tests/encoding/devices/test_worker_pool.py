"""A process per device gives what one gives; one that dies fails the run and never hangs it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from hn_assets import time_limit
from hn_assets.encoding.devices.worker_pool import OnePerDevice
from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import LoadedModel, load_model
from hn_assets.errors import ModelError, WorkerError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.rounding import assert_vectors_differ_by_rounding_only

TEXTS = [f"text number {i} " + "and more " * (i % 30) for i in range(200)]


@pytest.fixture(scope="module")
def tiny(model: Path) -> LoadedModel:
    settings = EncodingSettings(model=str(model), pooling="mean")
    return load_model(settings, devices=["cpu"], precision="float32")


def test_two_devices_give_what_one_gives_and_one_that_dies_fails_the_run(tiny: LoadedModel) -> None:
    one = Encoder(tiny, devices=["cpu"]).encode(TEXTS, "passage")
    two = Encoder(tiny, devices=["cpu", "cpu"], max_tokens_per_batch=64)
    try:
        assert_vectors_differ_by_rounding_only(two.encode(TEXTS, "passage"), one)
        assert len(multiprocessing.active_children()) == 2
        assert two.device_report().linear_layers == "as loaded"
        assert_a_process_that_dies_fails_the_run(two, signal.SIGKILL)
    finally:
        two.close()
    assert not multiprocessing.active_children()


@pytest.mark.soak
def test_two_devices_give_what_one_gives_if_flagembedding_drives_the_model(model: Path) -> None:
    settings = EncodingSettings(
        model=str(model), model_class="decoder-only-base", pooling="last_token"
    )
    loaded = load_model(settings, devices=["cpu"], precision="float32")
    one = Encoder(loaded, devices=["cpu"]).encode(TEXTS, "passage")
    two = Encoder(loaded, devices=["cpu", "cpu"])
    try:
        assert two.batching_engine == "FlagEmbedding"
        assert_vectors_differ_by_rounding_only(two.encode(TEXTS, "passage"), one)
    finally:
        two.close()


@pytest.mark.soak
def test_a_process_that_is_told_to_end_fails_the_run(tiny: LoadedModel) -> None:
    encoder = Encoder(tiny, devices=["cpu", "cpu"], max_tokens_per_batch=64)
    # As if a parent process ignores the signal, which its children inherit.
    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert_a_process_that_dies_fails_the_run(encoder, signal.SIGTERM)
        encoder.close()
    finally:
        signal.signal(signal.SIGTERM, handler)


def assert_a_process_that_dies_fails_the_run(encoder: Encoder, by: signal.Signals) -> None:
    def kill_one(stats) -> None:
        for child in multiprocessing.active_children()[:1]:
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(child.pid or 0, by)

    start = time.monotonic()
    with pytest.raises(WorkerError, match="ended by itself.*What was computed before is kept"):
        encoder.encode(TEXTS * 20, "passage", kill_one)
    assert time.monotonic() - start < 60


def test_the_processes_end_with_a_killed_parent(tiny: LoadedModel, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, multiprocessing\n"
        "from hn_assets.encoding.encoder import Encoder\n"
        "from hn_assets.encoding.models.model import load_model\n"
        "from hn_assets.settings.encoding import EncodingSettings\n"
        "if __name__ == '__main__':\n"
        f"    settings = EncodingSettings(model={tiny.identity.location!r}, pooling='mean')\n"
        "    model = load_model(settings, devices=['cpu'], precision='float32')\n"
        "    encoder = Encoder(model, devices=['cpu', 'cpu'])\n"
        "    encoder.encode(['a text'], 'passage')\n"
        "    pids = [c.pid for c in multiprocessing.active_children()]\n"
        "    print(*pids, flush=True)\n"
        "    unused = {'FlagEmbedding', 'pandas', 'datasets'} & set(sys.modules)\n"
        "    print(sorted(unused), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    script = tmp_path / "killed.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    ids, unused = done.stdout.splitlines()
    pids = [int(pid) for pid in ids.split()]
    assert pids
    assert unused == "[]", "what a plain encoder has no use for takes time and memory"
    deadline = time.monotonic() + 30
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


@dataclass
class Waits:
    """Computes numbers; one that is negative takes for ever, and one of 1,000 fails."""

    device: str
    report: str = "fine"
    may_compile: bool = False

    def trials(self) -> Iterator[tuple[int, float]]:
        yield 1, 1.0

    def compute(self, batches: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        for number in batches:
            if number < 0:
                time.sleep(3600)
            if number == 1000:
                raise ModelError("the number 1000 cannot be computed")
            time.sleep(0.01)
            yield number, np.full(3, number, np.float32)


def test_every_job_is_answered_once_by_some_process() -> None:
    pool: OnePerDevice[int] = OnePerDevice(Waits, ["cpu", "cpu"], "counts")
    try:
        for _ in range(2):  # the processes are kept
            answers = {job: result.tolist() for job, result in pool.compute(range(100))}
            assert answers == {number: [number] * 3 for number in range(100)}
        # one who asks for some answers only leaves no stale ones behind
        next(pool.compute(range(50)))
        assert sorted(job for job, _ in pool.compute(range(500, 520))) == list(range(500, 520))
    finally:
        pool.close()


def test_a_process_that_hangs_is_ended_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "HANG_SECONDS", 2.0)
    pool: OnePerDevice[int] = OnePerDevice(Waits, ["cpu", "cpu"], "counts")
    start = time.monotonic()
    with pytest.raises(WorkerError, match="counts on cpu has given no answer for [234] s"):
        list(pool.compute([*range(50), -1, *range(50, 60)]))
    assert time.monotonic() - start < 30
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("numbers", [[-1, *range(20)], [-1, -1]])
def test_a_process_that_hangs_on_its_first_job_is_ended_with_an_error(
    monkeypatch: pytest.MonkeyPatch, numbers: list[int]
) -> None:
    monkeypatch.setattr(time_limit, "HANG_SECONDS", 2.0)
    pool: OnePerDevice[int] = OnePerDevice(Waits, ["cpu", "cpu"], "counts")
    start = time.monotonic()
    with pytest.raises(WorkerError, match="counts on cpu has given no answer for [234] s"):
        list(pool.compute(numbers))
    assert time.monotonic() - start < 30
    assert not multiprocessing.active_children()


class HangsWhenTried(Waits):
    """Cannot compute even the first small job."""

    def trials(self) -> Iterator[tuple[int, float]]:
        yield -1, 1.0


def test_a_process_that_hangs_when_it_is_tried_is_ended_with_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time_limit, "HANG_SECONDS", 2.0)
    pool: OnePerDevice[int] = OnePerDevice(HangsWhenTried, ["cpu", "cpu"], "counts")
    with pytest.raises(WorkerError, match="counts on cpu has given no answer for [234] s"):
        pool.start()
    assert not multiprocessing.active_children()


class Slow(Waits):
    """Each job takes its time, as trials tell; begins a job before it gives the last."""

    def trials(self) -> Iterator[tuple[int, float]]:
        yield 1, 30.0

    def compute(self, batches: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        last = None
        for number in batches:
            time.sleep(0.01 if number == 1 else 0.3)
            if last is not None:
                yield last, np.full(3, last, np.float32)
            last = number
        if last is not None:
            yield last, np.full(3, last, np.float32)


def test_a_slow_process_is_not_taken_for_one_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "HANG_SECONDS", 0.1)
    pool: OnePerDevice[int] = OnePerDevice(Slow, ["cpu", "cpu"], "counts")
    try:
        assert len(list(pool.compute(range(2, 6)))) == 4
    finally:
        pool.close()


def test_a_reader_that_takes_its_time_makes_no_process_look_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time_limit, "HANG_SECONDS", 1.0)
    pool: OnePerDevice[int] = OnePerDevice(Waits, ["cpu", "cpu"], "counts")
    with pytest.raises(WorkerError, match="counts on cpu has given no answer for [1-5] s"):
        for _ in pool.compute([*range(8), -1, *range(8)]):
            time.sleep(0.5)


class DislikesTrials(Waits):
    """Cannot compute what is made up."""

    def trials(self) -> Iterator[tuple[int, float]]:
        yield "no number", 1.0  # type: ignore[misc]


def test_a_model_that_cannot_compute_made_up_jobs_computes_real_ones() -> None:
    pool: OnePerDevice[int] = OnePerDevice(DislikesTrials, ["cpu", "cpu"], "counts")
    try:
        assert len(list(pool.compute(range(5)))) == 5
    finally:
        pool.close()


def test_what_a_process_raises_is_raised_here() -> None:
    pool: OnePerDevice[int] = OnePerDevice(Waits, ["cpu", "cpu"], "counts")
    with pytest.raises(ModelError, match="the number 1000 cannot be computed"):
        list(pool.compute([1, 2, 1000, 3]))
    assert not multiprocessing.active_children()


def test_a_process_that_cannot_load_is_an_error() -> None:
    pool: OnePerDevice[int] = OnePerDevice(int, ["no number"], "counts")  # type: ignore[arg-type]
    with pytest.raises(WorkerError, match="counts on no number: ValueError: invalid literal"):
        pool.start()
