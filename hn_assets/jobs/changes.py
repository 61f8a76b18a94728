"""The sensor that refreshes a dataset when its source or its model has changed."""

import json
from pathlib import Path
from typing import Any

import dagster as dg

from hn_assets.assets.graph import Graph
from hn_assets.errors import HardNegativesError

BECAUSE_TAG = "hn_assets/because"


def build_changes_sensor(graph: Graph, job: Any) -> dg.SensorDefinition:
    """The sensor `<dataset>_changes`.

    It starts a run only once two looks have seen the same, so that nobody mines a folder into
    which files are still being copied.
    """
    settings = graph.settings.job

    @dg.sensor(
        name=f"{graph.name}_changes",
        job=job,
        minimum_interval_seconds=settings.sensor_interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING
        if settings.sensor_enabled
        else dg.DefaultSensorStatus.STOPPED,
        description=f"Refresh {graph.name} when its source, or its model, has changed.",
    )
    def changes(context: dg.SensorEvaluationContext) -> dg.SkipReason | dg.RunRequest:
        try:
            now = look(graph)
        except HardNegativesError as error:
            return dg.SkipReason(f"{graph.name} cannot be looked at: {error}")
        cursor = json.loads(context.cursor or "null")
        if cursor is None:
            _remember(context, now, now, runs=0)
            return dg.SkipReason("source and model are sensor_enabled from now on")
        handled, runs = cursor["handled"], cursor["runs"]
        changed = [what for what in now if now[what] != handled.get(what)]
        if not changed or now != cursor["seen"]:
            _remember(context, handled, now, runs=runs)
            return dg.SkipReason(
                f"the {' and the '.join(changed)} changed: a run starts when it has come to rest"
                if changed
                else "nothing has changed"
            )
        _remember(context, now, now, runs=runs + 1)
        return dg.RunRequest(
            run_key=f"{graph.name}-{runs + 1}-{'-'.join(now.values())}",
            tags={BECAUSE_TAG: f"the {' and the '.join(changed)} changed"},
        )

    return changes


def look(graph: Graph) -> dict[str, str]:
    """The states of source and model.

    Raises:
        HardNegativesError: one of them is not there, or the hub cannot be asked.
    """
    from hn_assets.sources import open_source
    from hn_assets.sources.fingerprint import state_of_model, state_of_source

    filters = graph.settings.filters
    others = [
        graph.base / Path(name).expanduser()
        for name in (filters.reviewed_labels, filters.answers)
        if name
    ]
    source = open_source(graph.settings.source, graph.base)
    return {
        "source": state_of_source(source, others),
        "model": state_of_model(graph.settings.encoding.model),
    }


def _remember(
    context: dg.SensorEvaluationContext, handled: dict[str, str], seen: dict[str, str], *, runs: int
) -> None:
    context.update_cursor(json.dumps({"handled": handled, "seen": seen, "runs": runs}))
