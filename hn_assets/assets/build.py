"""One dataset's definitions: its assets in the order data flows, its job, schedule and resource."""

import dagster as dg

from hn_assets.assets.audit import build_audit
from hn_assets.assets.calibration import build_calibration
from hn_assets.assets.candidates import build_candidates
from hn_assets.assets.checks import build_checks
from hn_assets.assets.drift import build_drift
from hn_assets.assets.embeddings import build_embeddings
from hn_assets.assets.freshness import build_freshness_check
from hn_assets.assets.graph import Graph
from hn_assets.assets.index import build_faiss_index
from hn_assets.assets.labels import build_likely_missing_labels
from hn_assets.assets.negatives import build_hard_negatives
from hn_assets.assets.quality import build_retrieval_quality
from hn_assets.assets.report import build_report
from hn_assets.assets.resources import Compute
from hn_assets.assets.source import build_source
from hn_assets.assets.teacher import build_teacher_scores
from hn_assets.assets.training import build_training_set
from hn_assets.jobs.alerts import build_alerts
from hn_assets.jobs.changes import build_changes_sensor
from hn_assets.jobs.freshness import build_freshness_job, build_freshness_schedule
from hn_assets.jobs.prune import build_prune_job
from hn_assets.jobs.refresh import build_refresh_job, build_schedule


def build_definitions(graph: Graph) -> dg.Definitions:
    """Everything Dagster needs of one dataset."""
    job = build_refresh_job(graph)
    refresh = dg.Definitions(
        assets=[
            build_source(graph),
            build_embeddings(graph),
            build_faiss_index(graph),
            build_candidates(graph),
            build_retrieval_quality(graph),
            *([build_calibration(graph)] if graph.settings.filters.is_calibrated else []),
            build_audit(graph),
            *(
                [build_teacher_scores(graph, graph.settings.teacher)]
                if graph.settings.teacher
                else []
            ),
            build_hard_negatives(graph),
            build_drift(graph),
            build_likely_missing_labels(graph),
            build_training_set(graph),
            build_report(graph),
        ],
        asset_checks=build_checks(graph),
        jobs=[job, build_prune_job(graph)],
        schedules=[build_schedule(graph, job)],
        sensors=[build_changes_sensor(graph, job), *build_alerts(graph)],
        resources={graph.compute_key: Compute(**graph.settings.compute.model_dump())},
    )
    days = graph.settings.checks.max_age_days
    return refresh if days is None else dg.Definitions.merge(refresh, _build_freshness(graph, days))


def _build_freshness(graph: Graph, days: float) -> dg.Definitions:
    job = build_freshness_job(graph)
    return dg.Definitions(
        asset_checks=[build_freshness_check(graph, days)],
        jobs=[job],
        schedules=[build_freshness_schedule(graph, job)],
    )
