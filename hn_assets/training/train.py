"""The process that trains: `python -m hn_assets.training.train JOB`, started by `fine_tune`.

Without an argument it trains one job after another, whose paths it reads from its standard input.
"""

import os
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

from filelock import FileLock

from hn_assets.training.training_job import TrainingJob, say


def main() -> None:
    """Train what the jobs say."""
    # The parent may ignore it, which a child inherits.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with(os.getppid())
    if len(sys.argv) > 1:
        job = _read(sys.argv[1])
        # With several processes, PyTorch's launcher stands between the parent and this one.
        _end_with(job.parent)
        _train(job)
        return
    for line in sys.stdin:
        _train(_read(line.rstrip("\n")))
        say(finished=line)


def _read(path: str) -> TrainingJob:
    return TrainingJob.from_json(Path(path).read_text(encoding="utf-8"))


def _train(job: TrainingJob) -> None:
    rank = os.environ.get("LOCAL_RANK", "0")
    # The process of a run that was just killed may still write its last checkpoint.
    with FileLock(Path(job.checkpoints) / f".process-{rank}.lock"):
        import_module(f"hn_assets.training.trainers.{job.settings.trainer}").train(job)


def _end_with(process: int) -> None:
    """End this process with one that started it, which cannot tell it to if it is killed."""
    threading.Thread(target=_wait_and_end, args=(process,), daemon=True).start()


def _wait_and_end(parent: int) -> None:
    while _is_running(parent):
        time.sleep(0.5)
    os._exit(1)


def _is_running(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked for does not."""
    try:
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return status.rsplit(")", 1)[1].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:  # a system without /proc
        return True


if __name__ == "__main__":
    main()
