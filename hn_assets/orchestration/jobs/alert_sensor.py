"""The sensor that tells people of failed runs and failed checks.

It is a plain sensor that reads the ends of runs after its own cursor. With Dagster's run status
sensors an alert that cannot be sent would be lost, because they move their cursor on all the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterInstance
from dagster._core.errors import DagsterAssetCheckFailedError
from pydantic import BaseModel, ConfigDict, ValidationError

from hn_assets.alerts.alert import Alert
from hn_assets.alerts.delivery import LOG, Position, deliver, receivers
from hn_assets.orchestration.base.names import alerts_sensor, freshness_job, refresh_job
from hn_assets.pipeline.dataset import Dataset
from hn_assets.text import shorten

# runs whose end is looked at in one tick
MAX_RUNS = 50
MAX_LINES, MAX_CHARACTERS = 20, 1_000
ENDS = (dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS)


class Cursor(BaseModel):
    """What the sensor remembers: how far each receiver was told, by its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    positions: dict[str, Position]


@dataclass(frozen=True)
class RunEnd:
    """The end of a run, which may be one of another dataset.

    Attributes:
        dataset: The dataset whose runs are told of.
        instance: Where the events of the run lie.
        id: The id of the event in Dagster's event log.
        time: When the run ended, in seconds since 1970.
        run: The run; None if somebody has deleted it.
        message: What Dagster says of the end.
    """

    dataset: Dataset
    instance: DagsterInstance
    id: int
    time: float
    run: dg.DagsterRun | None
    message: str

    def make_alert(self) -> Alert | None:
        """What people are told of the run; None if it is another dataset's, or all went well."""
        run = self.run
        if run is None or not _is_of(self.dataset, run):
            return None
        checks = [*_failed_checks(self.instance, run.run_id)]
        name, ui = self.dataset.name, self.dataset.settings.alerts.ui
        link = f"{ui.rstrip('/')}/runs/{run.run_id}" if ui else ""
        if run.is_success:
            if not checks:
                return None
            title = f"{name}: {len(checks)} checks failed"
            return Alert(name, "failed checks", title, _bounded(checks), run.run_id, link)
        lines = [*_failed_steps(self.instance, run.run_id), *checks]
        title = f"{name}: a run failed"
        lines = lines or [self.message or "no step says why"]
        return Alert(name, "failed run", title, _bounded(lines), run.run_id, link)


def build_alert_sensor(dataset: Dataset) -> dg.SensorDefinition:
    """The sensor of a dataset's failed runs and failed checks, on from the start."""

    @dg.sensor(
        name=alerts_sensor(dataset.name),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Tell people when a run of {dataset.name} has failed, or went through with failed "
            f"checks. What a webhook does not take is kept and sent again."
        ),
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cursor = _read_cursor(context.cursor)
        if cursor is None:
            last = max((end.storage_id for end in _ends(context.instance)), default=0)
            _remember(context, {LOG: Position(event=last)})
            return dg.SkipReason(f"runs of {dataset.name} that end from now on are told of")
        delivery = deliver(
            lambda event: _run_ends_after(event, dataset, context),
            receivers(dataset.settings.alerts, context.log),
            cursor.positions,
            context.log,
        )
        _remember(context, dict(delivery.positions))
        sent = [f"{name}: sent {count}" for name, count in delivery.sent.items()]
        return dg.SkipReason("; ".join([*sent, *delivery.problems]) or "there is nothing to tell")

    return alerts


def _read_cursor(text: str | None) -> Cursor | None:
    """What the sensor remembers; None at its first tick, and if somebody has edited it."""
    try:
        cursor = Cursor.model_validate_json(text or "")
    except ValidationError:
        return None
    return cursor if LOG in cursor.positions else None


def _remember(context: dg.SensorEvaluationContext, positions: dict[str, Position]) -> None:
    context.update_cursor(Cursor(positions=positions).model_dump_json())


def _ends(instance: DagsterInstance, after: int | None = None) -> list[dg.EventLogRecord]:
    """The last ends of runs; or those that follow `after`, in the order in which they happened."""
    found: list[dg.EventLogRecord] = []
    until = float("inf")
    for kind in ENDS:
        if after is None:
            found += instance.fetch_run_status_changes(kind, limit=1).records
            continue
        records = instance.fetch_run_status_changes(
            dg.RunStatusChangeRecordsFilter(kind, after_storage_id=after),
            limit=MAX_RUNS,
            ascending=True,
        ).records
        if len(records) == MAX_RUNS:  # there are more, which ends of the other kind must not pass
            until = min(until, records[-1].storage_id)
        found += records
    return sorted((end for end in found if end.storage_id <= until), key=lambda e: e.storage_id)


def _run_ends_after(
    event: int, dataset: Dataset, context: dg.SensorEvaluationContext
) -> Sequence[RunEnd]:
    """The ends of runs that follow the event with this id."""
    instance = context.instance
    ends = _ends(instance, event)
    ids = list({end.run_id for end in ends})
    records = instance.get_run_records(dg.RunsFilter(run_ids=ids)) if ids else []
    runs = {record.dagster_run.run_id: record.dagster_run for record in records}
    return [
        RunEnd(
            dataset,
            instance,
            end.storage_id,
            end.timestamp,
            runs.get(end.run_id) if _is_of_this_location(runs.get(end.run_id), context) else None,
            _message_of(end),
        )
        for end in ends
    ]


def _message_of(end: dg.EventLogRecord) -> str:
    event = end.event_log_entry.dagster_event
    return (event.message if event is not None else None) or ""


def _is_of_this_location(run: dg.DagsterRun | None, context: dg.SensorEvaluationContext) -> bool:
    """Whether a run is of this code location: another may have a dataset of the same name."""
    own = context.code_location_origin
    origin = run.remote_job_origin if run is not None else None
    if own is None or origin is None:
        return True
    return origin.repository_origin.code_location_origin.location_name == own.location_name


def _is_of(dataset: Dataset, run: dg.DagsterRun) -> bool:
    """Whether a run is of this dataset: by its job, or by the assets that were picked in the UI."""
    if run.job_name in (refresh_job(dataset.name), freshness_job(dataset.name)):
        return True
    checked = (check.asset_key for check in run.asset_check_selection or ())
    return any(key.path[0] == dataset.name for key in (*(run.asset_selection or ()), *checked))


def _failed_steps(instance: DagsterInstance, run_id: str) -> Iterator[str]:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event is None:
            continue
        data = event.step_failure_data
        said = data.user_failure_data.description if data.user_failure_data else None
        error = data.error
        if error is not None and error.cls_name == DagsterAssetCheckFailedError.__name__:
            continue  # the check that stopped the run is told of itself
        reason = said or (error.message.strip().splitlines()[0] if error else "")
        yield f"{event.step_key}: {reason}"


def _failed_checks(instance: DagsterInstance, run_id: str) -> Iterator[str]:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        if entry.dagster_event is None:
            continue
        found = entry.dagster_event.asset_check_evaluation_data
        if not found.passed:
            where = found.asset_key.to_user_string()
            yield f"{where}, {found.check_name}: {found.description}"


def _bounded(lines: list[str]) -> list[str]:
    """So many lines, and so much of each, as a chat service takes."""
    shown = [shorten(line, MAX_CHARACTERS) for line in lines[:MAX_LINES]]
    return [*shown, f"and {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else shown
