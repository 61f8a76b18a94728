"""Makes the stages of one operation: not at all if nothing changed, and in one run at a time."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from logging import Logger
from pathlib import Path

import pyarrow as pa

from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.run_lock import one_run_at_a_time
from hn_assets.pipeline.stage import Operation, Stage, declared_reads
from hn_assets.pipeline.stage_context import SharedWork, StageContext
from hn_assets.pipeline.stage_run import StageResult, StageRun
from hn_assets.store import Holder, Waiting


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
        HardNegativesError: The input is wrong, an earlier stage is missing or damaged, or another
            run is making the same for longer than `job.max_wait_seconds`.
    """
    wanted = [s for s in operation.stages if selected is None or s.name in selected]
    shared = SharedWork()
    lock = dataset.store.lock(operation.name)
    holder = Holder.of_this_process(dataset.run)
    waiting = _waiting(dataset, operation.name, log)
    with one_run_at_a_time(lock, holder, waiting):
        try:
            runs = [
                StageRun(
                    stage,
                    StageContext(dataset, stage.writes, declared_reads(stage, stages), log, shared),
                )
                for stage in wanted
            ]
            if operation.is_atomic:
                yield from _run_together(runs, lock.parent)
            else:
                for run in runs:
                    yield from _run_together([run], lock.parent)
        finally:
            shared.close()


def _run_together(runs: list[StageRun], locked: Path) -> list[StageResult]:
    """Make stages of which either all are published or none.

    Whether they are unchanged is looked at when nobody else makes them any more, so that the second
    of two equal runs makes nothing again.
    """
    with ExitStack() as publishing:
        for run in runs:
            context = run.context
            holder = Holder.of_this_process(context.dataset.run, locked)
            waiting = _waiting(context.dataset, context.name, context.log)
            publishing.enter_context(context.place.held(holder, waiting))
        for run in runs:
            run.identify()
        kept = [run.unchanged() for run in runs]
        if None not in kept:
            return [result for result in kept if result is not None]
        drafts = {run.stage.name: publishing.enter_context(run.publish()) for run in runs}
        for run in runs:
            run.context.drafts = drafts
            run.make(drafts[run.stage.name])
    # Arrow keeps what it freed, which can be most of the memory that the next stage has.
    pa.default_memory_pool().release_unused()
    return [run.result() for run in runs]


def _waiting(dataset: Dataset, what: str, log: Logger) -> Waiting:
    return Waiting(f"{dataset.name}/{what}", dataset.settings.job.max_wait_seconds, log)
