"""Makes the stages of one operation: not at all if nothing changed, and in one run at a time."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from logging import Logger
from pathlib import Path

import pyarrow as pa
from filelock import FileLock, Timeout

from hn_assets.errors import StoreError
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.stage import Operation, Stage, declared_reads
from hn_assets.pipeline.stage_context import SharedWork, StageContext
from hn_assets.pipeline.stage_run import StageResult, StageRun

SECONDS_BETWEEN_LOG_LINES = 30.0


def run_operation(
    dataset: Dataset,
    operation: Operation,
    stages: tuple[Stage, ...],
    log: Logger,
    selected: Collection[str] | None = None,
) -> Iterator[StageResult]:
    """Make the stages of an operation that are not up to date, and say what came of each.

    Args:
        dataset: The dataset, with the settings of this run.
        operation: One of the dataset's operations.
        stages: All stages of the dataset.
        log: Takes the lines of progress and the warnings.
        selected: The names of the stages that are wanted; by default all of the operation.

    Raises:
        HardNegativesError: The input is wrong, or an earlier stage is missing or damaged.
    """
    wanted = [s for s in operation.stages if selected is None or s.name in selected]
    shared = SharedWork()
    lock = dataset.store.lock(operation.name)
    with one_run_at_a_time(lock, f"{dataset.name}/{operation.name}", log):
        try:
            runs = [
                StageRun(
                    stage,
                    StageContext(dataset, stage.writes, declared_reads(stage, stages), log, shared),
                )
                for stage in wanted
            ]
            if operation.is_atomic:
                yield from _run_together(runs)
            else:
                for run in runs:
                    yield from _run_together([run])
        finally:
            shared.close()


def _run_together(runs: list[StageRun]) -> list[StageResult]:
    """Make stages of which either all are published or none."""
    for run in runs:
        run.identify()
    kept = [run.unchanged() for run in runs]
    if None not in kept:
        return [result for result in kept if result is not None]
    with ExitStack() as publishing:
        drafts = {run.stage.name: publishing.enter_context(run.publish()) for run in runs}
        for run in runs:
            run.context.drafts = drafts
            run.make(drafts[run.stage.name])
    # Arrow keeps what it freed, which can be most of the memory that the next stage has.
    pa.default_memory_pool().release_unused()
    return [run.result() for run in runs]


@contextmanager
def one_run_at_a_time(path: Path, what: str, log: Logger) -> Iterator[None]:
    """Wait until no other run, of this or another process of this machine, works on the same.

    The operating system frees the lock of a process that was killed.

    Raises:
        StoreError: The folder of the lock cannot be written.
    """
    lock = FileLock(path)
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=SECONDS_BETWEEN_LOG_LINES)
            break
        except Timeout:
            log.info(f"waiting for another run that is making {what}")
        except OSError as error:
            raise StoreError(
                f"{what} cannot be written to {path.parent}: {error.strerror or error}; what was "
                f"there before is unchanged. Set HN_DATA_DIR to a folder that can be written"
            ) from error
    try:
        yield
    finally:
        lock.release()
