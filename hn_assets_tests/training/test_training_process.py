"""A process that trains one model after another gives what a process for each gives."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hn_assets.encoding.models.unchanged import hash_folder
from hn_assets.errors import TrainingError
from hn_assets.training.train import _is_running
from hn_assets.training.trainers.sentence_transformers import train
from hn_assets.training.training_process import TrainingProcess
from hn_assets_tests.small_models import make_tiny_bert
from hn_assets_tests.training.jobs import make_job


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def process() -> Iterator[TrainingProcess]:
    """One for all tests, as it takes longer to start than to train."""
    with closing(TrainingProcess()) as started:
        yield started


def test_two_jobs_in_one_process_give_the_weights_of_two_processes(
    tmp_path: Path, tiny: Path, process: TrainingProcess
) -> None:
    alone = make_job(tmp_path / "alone", tiny, seed=2)
    train(alone)
    lines: list[str] = []
    first = make_job(tmp_path / "first", tiny, seed=1)
    process.fine_tune(first, lines.append)
    of_the_first = process._process
    second = make_job(tmp_path / "second", tiny, seed=2)
    report = process.fine_tune(second, lines.append)
    assert process._process is of_the_first
    assert report.steps == 6
    assert any("step 6 of 6" in line for line in lines)
    for job in (alone, second, first):
        (Path(job.output) / "training_log.json").unlink()
    assert hash_folder(Path(second.output)) == hash_folder(Path(alone.output))
    assert hash_folder(Path(first.output)) != hash_folder(Path(alone.output))


def test_a_job_that_fails_is_an_error_and_the_next_one_has_a_new_process(
    tmp_path: Path, tiny: Path, process: TrainingProcess
) -> None:
    broken = make_job(tmp_path / "broken", tiny)
    Path(broken.training_rows).write_bytes(b"no table")
    with pytest.raises(TrainingError, match="Parquet magic bytes"):
        process.fine_tune(broken, print)
    killed = make_job(tmp_path / "killed", tiny)

    def kill(line: str) -> None:
        assert process._process is not None
        os.kill(process._process.pid, signal.SIGKILL)

    with pytest.raises(TrainingError, match="it was killed"):
        process.fine_tune(killed, kill)


STARTS_A_PROCESS = """
import subprocess, sys
process = subprocess.Popen([sys.executable, "-m", "hn_assets.training.train"])
print(process.pid, flush=True)
process.wait()
"""


def test_the_process_ends_with_the_one_that_started_it() -> None:
    """Also if nobody closes its standard input, as while it trains."""
    reads, writes = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_A_PROCESS], stdin=reads, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        trains = int(parent.stdout.readline())
        time.sleep(2)  # until it watches its parent
        assert _is_running(trains)
        parent.kill()
        deadline = time.monotonic() + 30
        while _is_running(trains) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert not _is_running(trains)
    os.close(writes)
    os.close(reads)
