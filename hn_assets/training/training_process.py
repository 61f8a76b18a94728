"""A process that trains one model after another, for many short trainings."""

import subprocess
import sys
from collections import deque
from collections.abc import Callable

from hn_assets.training.fine_tune import (
    LAST_LINES,
    TrainingReport,
    environment_for,
    fine_tune,
    follow,
    read_report,
    training_error,
    write_job,
)
from hn_assets.training.training_job import TrainingJob


class TrainingProcess:
    """Trains one job after another; it starts with its first job, and `close` ends it.

    What a training imports takes longer than a short training itself, and is imported once. With
    several devices each job has processes of its own, as `fine_tune` starts them.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def fine_tune(self, job: TrainingJob, log: Callable[[str], None]) -> TrainingReport:
        """Train a model as `fine_tune` does, with the same result.

        Args:
            job: What is trained, and how.
            log: Takes a line of progress now and then.

        Raises:
            TrainingError: The process ended with an error, or was killed.
        """
        if len(job.devices) > 1:
            return fine_tune(job, log)
        path = write_job(job)
        process = self._process or self._start(job)
        last: deque[str] = deque(maxlen=LAST_LINES)
        is_finished = False
        try:
            assert process.stdin is not None, "it was started with a pipe"
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            is_finished = follow(process, last, log)
        except BrokenPipeError:  # it has ended since its last job
            pass
        finally:
            if not is_finished:
                self.close()
        if not is_finished:
            raise training_error(process.wait(), last)
        return read_report(job)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self, job: TrainingJob) -> "subprocess.Popen[str]":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hn_assets.training.train"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment_for(job),
        )
        return self._process
