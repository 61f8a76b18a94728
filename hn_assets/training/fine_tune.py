"""Fine-tune a model, in a process of its own for each device, and follow how it goes."""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hn_assets.errors import TrainingError
from hn_assets.extras import import_optional
from hn_assets.training.training_job import LOG, PROGRESS, TrainingJob

LAST_LINES = 30  # of the output, that an error shows


@dataclass(frozen=True)
class TrainingReport:
    """What came of a training.

    Attributes:
        log: What was measured: step, epoch, and loss, learning_rate or eval_loss.
        processes: How many processes trained together.
        steps: How many steps were taken.
        seconds: What they took, those before a kill left out.
        resumed_at: The step of the checkpoint that it went on from; None if it began anew.
        best_step: The step whose weights were kept; None if those of the last one were.
        stopped_early: Whether the validation part ended it.
        node: The host of the node of a cluster that has trained; "" if this machine has.
    """

    log: list[dict[str, Any]]
    processes: int
    steps: int
    seconds: float
    resumed_at: int | None
    best_step: int | None
    stopped_early: bool
    node: str = ""


def fine_tune(job: TrainingJob, log: Callable[[str], None]) -> TrainingReport:
    """Train a model and save it to `job.output`, which must be an existing folder.

    A training that was killed goes on from its last checkpoint in `job.checkpoints`. If files for
    TensorBoard are asked for, they are in `job.event_files` at the end.

    Args:
        job: What is trained, and how.
        log: Takes a line of progress now and then.

    Raises:
        MissingExtraError: TensorBoard is asked for and not installed.
        TrainingError: The process that trains ended with an error, or was killed.
    """
    if job.settings.tensorboard:
        import_optional("tensorboard", extra="tensorboard", needed_for="training.tensorboard")
    path = write_job(job)
    process = subprocess.Popen(
        [*_launcher(job), "-m", "hn_assets.training.train", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment_for(job),
    )
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        follow(process, last, log)
    finally:
        process.kill()
        code = process.wait()
    if code:
        raise training_error(code, last)
    return read_report(job)


def write_job(job: TrainingJob) -> Path:
    """Write a job for a process of this one to train, beside its checkpoints.

    Returns:
        The file.
    """
    folder = Path(job.checkpoints)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "job.json"
    path.write_text(replace(job, parent=os.getpid()).to_json(), encoding="utf-8")
    return path


def read_report(job: TrainingJob) -> TrainingReport:
    """What came of a job that was trained to its end."""
    found = json.loads((Path(job.output) / LOG).read_text(encoding="utf-8"))
    return TrainingReport(**found)


def training_error(code: int, last: Iterable[str]) -> TrainingError:
    """The error for a process that has ended.

    Args:
        code: Its exit code; negative if a signal has ended it.
        last: The last lines that it printed.
    """
    return TrainingError(
        f"the process that trains ended with exit code {code}"
        f"{' (it was killed; out of memory?)' if code < 0 else ''}. Its last lines:\n"
        f"{''.join(last)}\nWhen the run is started again, it goes on from the last checkpoint"
    )


def _launcher(job: TrainingJob) -> list[str]:
    """What runs a module: Python, or PyTorch's launcher with a process for each card."""
    if len(job.devices) == 1:
        return [sys.executable]
    return [
        *(sys.executable, "-m", "torch.distributed.run"),
        *("--standalone", f"--nproc-per-node={len(job.devices)}"),
    ]


def environment_for(job: TrainingJob) -> dict[str, str]:
    """The environment of a process that trains: it sees the cards of its job."""
    environment = {
        **os.environ,
        "TOKENIZERS_PARALLELISM": "true",
        # where the callback of transformers, which both trainers call, writes to
        "TENSORBOARD_LOGGING_DIR": str(job.event_files),
    }
    cards = [int(device.split(":")[1]) for device in job.devices if device.startswith("cuda:")]
    if cards:
        # the numbers of the devices count those that are visible here
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        names = [visible[card] if card < len(visible) and visible[0] else card for card in cards]
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, names))
    return environment


def follow(
    process: "subprocess.Popen[str]", last: "deque[str]", log: Callable[[str], None]
) -> bool:
    """Log what a process says until it has finished its job, or has ended.

    Args:
        process: The process.
        last: Takes the lines that are no progress.
        log: Takes the lines of progress.

    Returns:
        Whether it said that the job is finished.
    """
    assert process.stdout is not None
    for line in process.stdout:
        if not line.startswith(PROGRESS):
            last.append(line)
            continue
        progress = json.loads(line[len(PROGRESS) :])
        if "finished" in progress:
            return True
        log(_describe(progress))
    process.wait()
    return False


def _describe(progress: dict[str, Any]) -> str:
    """A line of progress for people.

    >>> _describe({"step": 5, "steps": 50, "loss": 0.5})
    'step 5 of 50: loss 0.5000'
    """
    numbers = (f"{name} {value:.4f}" for name, value in progress.items() if "loss" in name)
    if "message" in progress:
        return str(progress["message"])
    return f"step {progress['step']:,} of {progress['steps']:,}: {', '.join(numbers)}"
