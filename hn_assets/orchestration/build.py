"""One dataset's definitions: its assets and checks, its jobs, schedules, sensors and resource."""

import dagster as dg

from hn_assets.orchestration.asset_checks import build_checks, build_freshness_check
from hn_assets.orchestration.base.names import settings_key
from hn_assets.orchestration.jobs.alert_sensor import build_alert_sensor
from hn_assets.orchestration.jobs.change_sensor import build_change_sensor
from hn_assets.orchestration.jobs.freshness import build_freshness_job, build_freshness_schedule
from hn_assets.orchestration.jobs.prune_vectors import build_prune_job
from hn_assets.orchestration.jobs.refresh import build_refresh_job, build_refresh_schedule
from hn_assets.orchestration.run_settings import run_settings
from hn_assets.orchestration.stage_assets import build_assets
from hn_assets.pipeline.dataset import Dataset


def build_definitions(dataset: Dataset) -> dg.Definitions:
    """Everything that Dagster needs of one dataset."""
    job = build_refresh_job(dataset)
    definitions = dg.Definitions(
        assets=build_assets(dataset),
        asset_checks=build_checks(dataset),
        jobs=[job, build_prune_job(dataset)],
        schedules=[build_refresh_schedule(dataset, job)],
        sensors=[build_change_sensor(dataset, job), build_alert_sensor(dataset)],
        resources={settings_key(dataset.name): run_settings(dataset.settings)},
    )
    max_age_days = dataset.settings.checks.max_age_days
    if max_age_days is None:
        return definitions
    return dg.Definitions.merge(definitions, _build_freshness(dataset, max_age_days))


def _build_freshness(dataset: Dataset, max_age_days: float) -> dg.Definitions:
    job = build_freshness_job(dataset)
    return dg.Definitions(
        asset_checks=[build_freshness_check(dataset, max_age_days)],
        jobs=[job],
        schedules=[build_freshness_schedule(dataset, job)],
    )
