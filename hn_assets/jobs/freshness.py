"""What asks every day whether a training set is still fresh."""

from typing import Any

import dagster as dg

from hn_assets.assets.freshness import IS_FRESH
from hn_assets.assets.graph import Graph
from hn_assets.store.layout import TRAINING_SET

DAILY = "0 6 * * *"


def build_freshness_job(graph: Graph) -> Any:
    """The job `<dataset>_freshness`, which runs that one check."""
    check = dg.AssetCheckKey(graph.key(TRAINING_SET), IS_FRESH)
    return dg.define_asset_job(
        f"{graph.name}_freshness",
        selection=dg.AssetSelection.checks(check),
        description=f"Check that the training set of {graph.name} was refreshed lately.",
        executor_def=dg.in_process_executor,
    )


def build_freshness_schedule(graph: Graph, job: Any) -> dg.ScheduleDefinition:
    """The schedule `<dataset>_freshness_schedule`: every morning at six, on from the start."""
    return dg.ScheduleDefinition(
        name=f"{graph.name}_freshness_schedule",
        job=job,
        cron_schedule=DAILY,
        execution_timezone=graph.settings.job.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Check that the training set of {graph.name} was refreshed lately.",
    )
