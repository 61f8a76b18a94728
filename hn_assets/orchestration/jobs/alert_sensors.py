"""The sensors that tell people of failed runs and failed checks."""

from collections.abc import Iterator

import dagster as dg

from hn_assets.alerts.alert import Alert, send
from hn_assets.orchestration.base.names import (
    failed_checks_sensor,
    failed_runs_sensor,
    freshness_job,
    refresh_job,
)
from hn_assets.pipeline.dataset import Dataset


def build_alert_sensors(dataset: Dataset) -> list[dg.SensorDefinition]:
    """The sensors of failed runs and of failed checks, on from the start."""
    settings = dataset.settings.alerts

    @dg.run_failure_sensor(
        name=failed_runs_sensor(dataset.name),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tell people when a run of {dataset.name} has failed.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        run = context.dagster_run
        if not _is_of(dataset, run):
            return dg.SkipReason(f"no run of {dataset.name}")
        lines = [*_failed_steps(context), *_failed_checks(context)]
        send(
            Alert(
                dataset=dataset.name,
                kind="failed run",
                title=f"{dataset.name}: a run failed",
                lines=lines or [context.failure_event.message or "no step says why"],
                run_id=run.run_id,
                link=_link(settings.ui, run.run_id),
            ),
            settings,
            context.log,
        )
        return None

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name=failed_checks_sensor(dataset.name),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tell people when a run of {dataset.name} went through with failed checks.",
    )
    def failed_checks(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        run = context.dagster_run
        if not _is_of(dataset, run):
            return dg.SkipReason(f"no run of {dataset.name}")
        lines = list(_failed_checks(context))
        if not lines:
            return dg.SkipReason("every check passed")
        send(
            Alert(
                dataset=dataset.name,
                kind="failed checks",
                title=f"{dataset.name}: {len(lines)} checks failed",
                lines=lines,
                run_id=run.run_id,
                link=_link(settings.ui, run.run_id),
            ),
            settings,
            context.log,
        )
        return None

    return [failed_runs, failed_checks]


def _is_of(dataset: Dataset, run: dg.DagsterRun) -> bool:
    """Whether a run is of this dataset: by its job, or by the assets that were picked in the UI."""
    if run.job_name in (refresh_job(dataset.name), freshness_job(dataset.name)):
        return True
    checked = (check.asset_key for check in run.asset_check_selection or ())
    return any(key.path[0] == dataset.name for key in (*(run.asset_selection or ()), *checked))


def _failed_steps(context: dg.RunFailureSensorContext) -> Iterator[str]:
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        said = data.user_failure_data.description if data.user_failure_data else None
        reason = said or (data.error.message.strip().splitlines()[0] if data.error else "")
        # a check that blocks has said so itself
        if "blocking" not in reason.lower():
            yield f"{event.step_key}: {reason}"


def _failed_checks(context: dg.RunStatusSensorContext) -> Iterator[str]:
    run_id = context.dagster_run.run_id
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    for entry in context.instance.all_logs(run_id, of_type=kind):
        if entry.dagster_event is None:
            continue
        found = entry.dagster_event.asset_check_evaluation_data
        if not found.passed:
            where = found.asset_key.to_user_string()
            yield f"{where}, {found.check_name}: {found.description}"


def _link(ui: str, run_id: str) -> str:
    return f"{ui.rstrip('/')}/runs/{run_id}" if ui else ""
