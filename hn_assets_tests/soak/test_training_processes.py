"""Two processes train as one does with twice the batch: the same rows, and the same weights."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from hn_assets.errors import TrainingError
from hn_assets.training.fine_tune import fine_tune
from hn_assets.training.training_job import TrainingJob
from hn_assets.training.training_rows import ROWS
from hn_assets_tests.small_models import make_tiny_bert
from hn_assets_tests.training.jobs import make_job

pytestmark = pytest.mark.soak
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without dropout, whose draws would differ."""
    folder = make_tiny_bert(tmp_path_factory.mktemp("tiny"))
    config = json.loads((folder / "config.json").read_text())
    none = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps({**config, **none}))
    return folder


def two_jobs(folder: Path, model: Path, **settings: object) -> tuple[TrainingJob, TrainingJob]:
    """The same training in one process and in two, on rows that share no text.

    Rows that do are kept apart in a batch, and so lie in other batches if these are smaller.
    """
    one = make_job(folder / "one", model, **{"batch_size": 8, **settings})
    two = make_job(folder / "two", model, **{"batch_size": 4, **settings})
    for job in (one, two):
        rows = pq.read_table(job.training_rows).to_pylist()
        for place, row in enumerate(rows):
            row["negatives"] = [f"{place} has {i} things to do with it" for i in range(2)]
        pq.write_table(pa.Table.from_pylist(rows, schema=ROWS), job.training_rows)
    return one, replace(two, devices=["cpu", "cpu"])


def rows_seen(job: TrainingJob, folder: Path, launcher: list[str]) -> list[list[list[str]]]:
    """The queries of each step, for each process that trained."""
    folder.mkdir()
    path = folder / "job.json"
    path.write_text(job.to_json())
    module = ["-m", "hn_assets_tests.soak.rows_seen", str(path), str(folder)]
    subprocess.run([*launcher, *module], check=True, capture_output=True)
    path.unlink()
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]


def test_two_processes_see_the_rows_of_one_with_twice_the_batch(tmp_path: Path, tiny: Path) -> None:
    one, two = two_jobs(tmp_path, tiny, epochs=2)
    (alone,) = rows_seen(one, tmp_path / "seen_by_one", [sys.executable])
    first, second = rows_seen(two, tmp_path / "seen_by_two", TWO)
    assert len(alone) == len(first) == len(second) == 12
    for rows, a, b in zip(alone, first, second, strict=True):
        assert (len(a), len(b)) == (4, 4)
        assert sorted(rows) == sorted([*a, *b])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"loss": "cached_multiple_negatives_ranking", "mini_batch_size": 2},
        {"loss": "margin_mse"},
        {"trainer": "flagembedding"},
    ],
    ids=lambda settings: settings.get("loss", settings.get("trainer", "ranking")),
)
def test_two_processes_train_one_model(
    tmp_path: Path, tiny: Path, settings: dict[str, object]
) -> None:
    one, two = two_jobs(tmp_path, tiny, **settings)
    alone, lines = fine_tune(one, lambda line: None), []
    together = fine_tune(two, lines.append)
    assert (alone.processes, together.processes) == (1, 2)
    assert alone.steps == together.steps == 6
    assert len([line for line in lines if line.startswith("step 6 of 6: loss")]) == 1
    weights = [load_file(Path(job.output) / "model.safetensors") for job in (one, two)]
    before = load_file(tiny / "model.safetensors")
    if "trainer" in settings:  # FlagEmbedding draws the order of its rows for each process
        return
    moved = apart = 0.0
    for name, values in weights[0].items():
        moved = max(moved, float(np.abs(values - before[name]).max()))
        apart = max(apart, float(np.abs(values - weights[1][name]).max()))
    assert moved > 1e-3
    assert apart < moved / 20, "beyond rounding, which the optimizer magnifies, they are one"


def test_processes_end_with_their_launcher_and_go_on_together(tmp_path: Path, tiny: Path) -> None:
    _, job = two_jobs(tmp_path, tiny, epochs=40)
    job = replace(job, validation_rows="")  # nothing ends it early
    found: list[int] = []
    lines: list[str] = []

    def kill(line: str) -> None:
        lines.append(line)
        if line.startswith("step 4 of") and not found:
            found.extend(processes_of(job))
            launcher = next(i for i in found if "torch.distributed.run" in command(i))
            os.kill(launcher, signal.SIGKILL)

    with pytest.raises(TrainingError, match="exit code -9"):
        fine_tune(job, kill)
    assert len(found) == 3, "the launcher and two that train"
    until = time.monotonic() + 30
    while any(command(i) for i in found) and time.monotonic() < until:
        time.sleep(0.2)
    assert not any(command(i) for i in found)
    assert "step 240 of 240" not in "".join(lines), "they did not train on to the end"
    again = fine_tune(replace(job, settings=job.settings.model_copy(update={"epochs": 4})), print)
    assert again.resumed_at is not None
    assert again.processes == 2


def processes_of(job: TrainingJob) -> list[int]:
    """The processes of a training."""
    ids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [i for i in ids if str(Path(job.checkpoints) / "job.json") in command(i)]


def command(process: int) -> str:
    """The command of a process; "" once it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
