"""One dataset's definitions: its assets in the order data flows, its job, schedule and resource."""

import dagster as dg

from hn_assets.assets.audit import build_audit
from hn_assets.assets.calibration import build_calibration
from hn_assets.assets.candidates import build_candidates
from hn_assets.assets.checks import build_checks
from hn_assets.assets.embeddings import build_embeddings
from hn_assets.assets.graph import Graph
from hn_assets.assets.index import build_faiss_index
from hn_assets.assets.labels import build_likely_missing_labels
from hn_assets.assets.negatives import build_hard_negatives
from hn_assets.assets.prune import build_prune_job
from hn_assets.assets.resources import Compute
from hn_assets.assets.source import build_source
from hn_assets.assets.teacher import build_teacher_scores
from hn_assets.assets.training import build_training_set


def build_definitions(graph: Graph) -> dg.Definitions:
    """Everything Dagster needs of one dataset."""
    job = dg.define_asset_job(
        f"{graph.name}_refresh",
        selection=dg.AssetSelection.groups(graph.name),
        description=f"Materialize all of {graph.name}: raw texts to training files.",
    )
    settings = graph.settings.job
    schedule = dg.ScheduleDefinition(
        name=f"{graph.name}_schedule",
        job=job,
        cron_schedule=settings.cron,
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING
        if settings.scheduled
        else dg.DefaultScheduleStatus.STOPPED,
        description=f"Refresh {graph.name}.",
    )
    return dg.Definitions(
        assets=[
            build_source(graph),
            build_embeddings(graph),
            build_faiss_index(graph),
            build_candidates(graph),
            *([build_calibration(graph)] if graph.settings.negatives.is_calibrated else []),
            build_audit(graph),
            *(
                [build_teacher_scores(graph, graph.settings.teacher)]
                if graph.settings.teacher
                else []
            ),
            build_hard_negatives(graph),
            build_likely_missing_labels(graph),
            build_training_set(graph),
        ],
        asset_checks=build_checks(graph),
        jobs=[job, build_prune_job(graph)],
        schedules=[schedule],
        resources={graph.compute_key: Compute(**graph.settings.compute.model_dump())},
    )
