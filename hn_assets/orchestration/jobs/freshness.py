"""The job that asks every day whether a training set is still fresh."""

from typing import Any

import dagster as dg

from hn_assets.orchestration.base.names import (
    IS_FRESH,
    asset_key,
    freshness_job,
    freshness_schedule,
)
from hn_assets.pipeline.dataset import Dataset
from hn_assets.store.layout import TRAINING_SET

FRESHNESS_CRON = "0 6 * * *"  # every morning at six


def build_freshness_job(dataset: Dataset) -> Any:
    """The job that runs that one check."""
    check = dg.AssetCheckKey(asset_key(dataset.name, TRAINING_SET.stage), IS_FRESH)
    return dg.define_asset_job(
        freshness_job(dataset.name),
        selection=dg.AssetSelection.checks(check),
        description=f"Check that the training set of {dataset.name} was refreshed lately.",
        executor_def=dg.in_process_executor,
    )


def build_freshness_schedule(dataset: Dataset, job: Any) -> dg.ScheduleDefinition:
    """The daily schedule of that job, on from the start."""
    return dg.ScheduleDefinition(
        name=freshness_schedule(dataset.name),
        job=job,
        cron_schedule=FRESHNESS_CRON,
        execution_timezone=dataset.settings.job.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Check that the training set of {dataset.name} was refreshed lately.",
    )
