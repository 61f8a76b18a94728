"""The sensor that refreshes a dataset when its source or one of its models has changed."""

import json
from typing import Any

import dagster as dg

from hn_assets.errors import HardNegativesError, HubError
from hn_assets.orchestration.base.names import REASON_TAG, change_sensor
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.watched_inputs import state_of_inputs


def build_change_sensor(dataset: Dataset, job: Any) -> dg.SensorDefinition:
    """The sensor that watches source, models and retrievers, off until somebody switches it on.

    It starts a run only once it has seen the same state twice, so that nobody mines a folder into
    which files are still being copied.
    """
    settings = dataset.settings.job

    @dg.sensor(
        name=change_sensor(dataset.name),
        job=job,
        minimum_interval_seconds=settings.sensor_interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING
        if settings.sensor_enabled
        else dg.DefaultSensorStatus.STOPPED,
        description=(
            f"Refresh {dataset.name} when its source, a model or a retriever has changed."
        ),
    )
    def changes(context: dg.SensorEvaluationContext) -> dg.SkipReason | dg.RunRequest:
        try:
            now = state_of_inputs(dataset)
        except HubError:
            raise  # the tick fails, so that somebody sees that changes go unnoticed
        except HardNegativesError as error:
            return dg.SkipReason(f"{dataset.name} cannot be looked at: {error}")
        cursor = json.loads(context.cursor or "null")
        if cursor is None:
            _remember(context, now, now, runs=0)
            return dg.SkipReason(f"{' and '.join(now)} are watched from now on")
        # what is new in the YAML file, as a teacher, is watched from now on
        handled, runs = {**now, **cursor["handled"]}, cursor["runs"]
        changed = [what for what in now if now[what] != handled[what]]
        if not changed or now != cursor["seen"]:
            _remember(context, handled, now, runs=runs)
            return dg.SkipReason(
                f"the {' and the '.join(changed)} changed: a run starts when it has come to rest"
                if changed
                else "nothing has changed"
            )
        _remember(context, now, now, runs=runs + 1)
        return dg.RunRequest(
            run_key=f"{dataset.name}-{runs + 1}-{'-'.join(now.values())}",
            tags={REASON_TAG: f"the {' and the '.join(changed)} changed"},
        )

    return changes


def _remember(
    context: dg.SensorEvaluationContext, handled: dict[str, str], seen: dict[str, str], *, runs: int
) -> None:
    context.update_cursor(json.dumps({"handled": handled, "seen": seen, "runs": runs}))
