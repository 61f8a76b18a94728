"""drift: what changed since the last run that no check stopped."""

from hn_assets.errors import StoreError
from hn_assets.evaluation.drift import Snapshot, compare, describe_drift, write_drift
from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.store import Draft, layout
from hn_assets.trial.outcome import read_outcome

PLAN = "plan_of_the_trial"  # in the manifest


def make(context: StageContext, draft: Draft) -> Metadata:
    """Compare the negatives and the documents with those of the last good run."""
    now = Snapshot.take(
        context.input(layout.HARD_NEGATIVES), context.input(layout.CORPUS_EMBEDDINGS)
    )
    before = _read_before(context)
    drift = None if before is None else compare(before, now)
    now.write(draft.path(layout.DRIFT_NEGATIVES.name), draft.path(layout.DRIFT_DOCUMENTS.name))
    write_drift(draft.path(layout.DRIFT.name), drift)
    return {**describe_drift(drift), **_plan_of_trial(context, draft)}


def _plan_of_trial(context: StageContext, draft: Draft) -> Metadata:
    """The plan that leads in the trial, and the one that led before; empty without a trial."""
    path = context.optional_input(layout.NEGATIVES_TRIAL)
    if path is None:
        return {}
    outcome = read_outcome(path)
    draft.info[PLAN] = outcome.plan
    try:
        manifest = context.place.manifest()
    except StoreError:
        manifest = None
    before = None if manifest is None else manifest.info.get(PLAN)
    return {
        "plan_of_the_trial": outcome.plan,
        "plan_before": before or "there was no trial",
        "trial_in_short": outcome.summary,
    }


def _read_before(context: StageContext) -> Snapshot | None:
    try:
        if context.place.manifest() is None:
            return None
        negatives, documents = layout.DRIFT_NEGATIVES.name, layout.DRIFT_DOCUMENTS.name
        return Snapshot.read(context.place.file(negatives), context.place.file(documents))
    except StoreError as error:
        context.log.warning(f"{error}: there is nothing to compare with")
        return None


STAGE = Stage(
    writes=(layout.DRIFT, layout.DRIFT_NEGATIVES, layout.DRIFT_DOCUMENTS),
    description="Documents, queries, negatives and scores beside those of the last good run.",
    make=make,
    version=1,
    reads=(layout.HARD_NEGATIVES, layout.CORPUS_EMBEDDINGS, layout.NEGATIVES_TRIAL),
    # a run that a check stops is nothing to compare the next one with
    after=(layout.FALSE_NEGATIVE_AUDIT, layout.REVIEW_RESULT, layout.RETRIEVAL_QUALITY),
    kinds=lambda settings: {"pandas", "json"},
)
