"""The job that refreshes a dataset, and the schedule for it."""

from typing import Any

import dagster as dg

from hn_assets.assets.graph import Graph


def build_refresh_job(graph: Graph) -> Any:
    """The job `<dataset>_refresh`: everything from raw texts to training files."""
    return dg.define_asset_job(
        f"{graph.name}_refresh",
        selection=dg.AssetSelection.groups(graph.name),
        description=f"Materialize all of {graph.name}: raw texts to training files.",
        tags=graph.settings.job.tags,
        executor_def=dg.in_process_executor if graph.settings.job.in_process else None,
    )


def build_schedule(graph: Graph, job: Any) -> dg.ScheduleDefinition:
    """The schedule `<dataset>_schedule`."""
    settings = graph.settings.job
    return dg.ScheduleDefinition(
        name=f"{graph.name}_schedule",
        job=job,
        cron_schedule=settings.cron,
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING
        if settings.schedule_enabled
        else dg.DefaultScheduleStatus.STOPPED,
        description=f"Refresh {graph.name}.",
    )
