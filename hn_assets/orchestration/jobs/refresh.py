"""The job that refreshes a dataset, and the schedule for it."""

from typing import Any

import dagster as dg

from hn_assets.orchestration.base.names import refresh_job, refresh_schedule
from hn_assets.pipeline.dataset import Dataset


def build_refresh_job(dataset: Dataset) -> Any:
    """The job that makes everything from raw texts to training files."""
    return dg.define_asset_job(
        refresh_job(dataset.name),
        selection=dg.AssetSelection.groups(dataset.name),
        description=f"Materialize all of {dataset.name}: raw texts to training files.",
        tags=dataset.settings.job.tags,
        executor_def=dg.in_process_executor if dataset.settings.job.in_process else None,
    )


def build_refresh_schedule(dataset: Dataset, job: Any) -> dg.ScheduleDefinition:
    """The schedule of that job, off until somebody switches it on."""
    settings = dataset.settings.job
    return dg.ScheduleDefinition(
        name=refresh_schedule(dataset.name),
        job=job,
        cron_schedule=settings.cron,
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING
        if settings.schedule_enabled
        else dg.DefaultScheduleStatus.STOPPED,
        description=f"Refresh {dataset.name}.",
    )
