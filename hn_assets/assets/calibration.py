"""calibration: the threshold that keeps false negatives under the target, and how it was found."""

from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.holdout.calibration_file import write_calibration
from hn_assets.mining.plan import make_plan, resolved_calibration
from hn_assets.pipeline.metadata import Metadata, table
from hn_assets.pipeline.mining_inputs import (
    PLAN_INPUTS,
    model_of_relevance,
    open_mining_session,
)
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import Draft, layout


def settings(settings: DatasetSettings) -> Resolved:
    """What a calibration depends on; with a plan of a trial, the trial's outcome says it."""
    if settings.mining.plan == "tournament":
        return {"plan": settings.mining.plan, **model_of_relevance(settings)}
    return {
        **resolved_calibration(settings.mining, settings.filters),
        **model_of_relevance(settings),
    }


def make(context: StageContext, draft: Draft) -> Metadata:
    """Find the threshold."""
    session = open_mining_session(context)
    if not session.filters.is_calibrated:  # the plan of a trial need not be
        write_calibration(draft.path(layout.CALIBRATION.name), None)
        return {"summary": "the plan of the trial has no target rate: nothing is calibrated"}
    found = session.calibrate()
    note = make_plan(session.mining, session.filters, found).note
    if not found.is_reached:
        context.log.warning(note)
    write_calibration(draft.path(layout.CALIBRATION.name), found)
    return {"summary": note, **_describe(found), **model_of_relevance(context.settings)}


def _describe(found: Calibration) -> Metadata:
    return {
        "target_false_negative_rate": found.target,
        "queries": found.queries,
        "queries_with_two_positives": found.queries_with_two,
        "queries_with_one_positive": found.queries_with_one,
        "of_these_lent_a_positive": found.queries_lent_to,
        "positives_hidden": found.hidden,
        "basis": found.basis(),
        "share_of_own_labels": round(found.share_of_own_labels, 3),
        "threshold": found.threshold,
        f"{found.kind}_rate": round(found.rate, 5),
        f"{found.kind}_rate_95_percent": f"{found.rate_low:.3%} to {found.rate_high:.3%}",
        f"{found.kind}_unlabelled_per_positive": round(found.unlabelled_per_positive, 2),
        "model": table(
            {"feature": name, "weight": round(weight, 4), "mean": round(mean, 4)}
            for name, weight, mean in zip(
                found.model.features, found.model.weights, found.model.mean, strict=True
            )
        ),
    }


STAGE = Stage(
    writes=(layout.CALIBRATION,),
    description=(
        "Which probability of relevance is too much for a negative, by a model of other "
        "collections and by hiding positives."
    ),
    make=make,
    version=6,
    reads=PLAN_INPUTS,
    settings=settings,
    is_part_of=lambda settings: settings.may_be_calibrated,
    kinds=lambda settings: {"scikitlearn", "json"},
)
