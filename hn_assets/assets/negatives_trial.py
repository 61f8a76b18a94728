"""negatives_trial: which plan of mining trains the best model on this dataset."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.errors import StoreError
from hn_assets.filters.all_filters import external_files
from hn_assets.hashing import hash_of_text
from hn_assets.mining.plan import resolved_plan
from hn_assets.pipeline.metadata import Metadata, table
from hn_assets.pipeline.mining_inputs import (
    MINING_INPUTS,
    model_of_relevance,
    open_mining_session,
)
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.pipeline.training_inputs import identify_start, training_device
from hn_assets.pipeline.trial_inputs import (
    OF_THE_WHOLE_TRIAL,
    examples_with,
    labelled_pairs,
    make_bench,
    plans_of,
    ranked_documents,
    settings_of_a_run,
    training_of_a_run,
    trial_settings,
)
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.trial import TrialSettings
from hn_assets.sources.fingerprint import fingerprint_files
from hn_assets.store import Draft, layout
from hn_assets.training.checkpoints import remove_others
from hn_assets.trial.hold_trial import Trial, not_compared, write_measurements
from hn_assets.trial.mine_plans import MinedPlan, mine_plans, shared_queries
from hn_assets.trial.outcome import TrialOutcome, describe_agreement, read_outcome
from hn_assets.trial.stand_in import write_stand_in
from hn_assets.trial.train_and_judge import sample_queries

FEWEST_QUERIES_PER_FOLD = 5


def settings(settings: DatasetSettings) -> Resolved:
    """The plans with every default resolved, how long the trial goes on, and what a run is."""
    plans = {plan.name: resolved_plan(plan.mining, plan.filters) for plan in plans_of(settings)}
    how_long = OF_THE_WHOLE_TRIAL - {"plans", "repeat_after_change"}
    return {
        "plans": plans,
        "num_negatives": settings.mining.num_negatives,
        "trial": trial_settings(settings).model_dump(mode="json", include=how_long),
        **settings_of_a_run(settings),
        **_retrievers(settings),
        **model_of_relevance(settings),
    }


def _retrievers(settings: DatasetSettings) -> Resolved:
    """Who finds the candidates, if it is not the encoder alone: other finds are another trial."""
    if not settings.joins_retrievers:
        return {}
    retrievers = [one.model_dump(mode="json") for one in settings.retrievers]
    return {"retrievers": retrievers, "order": settings.candidate_order}


def identify(context: StageContext) -> Resolved:
    """The weights that training starts from, those that have mined, and the files of filters."""
    _, precision = training_device(context)
    files = external_files(context.settings.filters, context.dataset.base)
    return {
        **identify_start(context),
        "mined_with": context.info(layout.CORPUS_EMBEDDINGS.stage)["space"],
        "precision": precision,
        "files_of_filters": fingerprint_files(files) if files else None,
    }


def make(context: StageContext, draft: Draft) -> Metadata:
    """Hold the trial, or keep the last outcome if little has changed since."""
    pairs = labelled_pairs(context)
    pq.write_table(pairs, draft.path(layout.TRIAL_PAIRS.name), compression="zstd")
    draft.info["depends_on"] = _depends_on(context)
    earlier = _earlier(context)
    if earlier is not None:
        changed = share_changed(pq.read_table(earlier / layout.TRIAL_PAIRS.name), pairs)
        if changed <= trial_settings(context.settings).repeat_after_change:
            return _keep(context, draft, earlier, changed)
    outcome = _hold(context, draft)
    outcome.write(draft.path(layout.NEGATIVES_TRIAL.name))
    return describe_outcome(outcome)


def describe_outcome(outcome: TrialOutcome) -> Metadata:
    """An outcome as metadata."""
    lead = next((one for one in outcome.plans if one.difference is not None), None)
    return {
        "in_short": outcome.summary,
        "verdict": outcome.verdict,
        "plan": outcome.plan,
        "plans": table(
            {
                "plan": one.plan,
                "state": one.state,
                "models trained": one.repeats,
                "nDCG@10": _rounded(one.ndcg_at_10),
                "beside the leader": _rounded(one.difference),
                "low": _rounded(one.low),
                "high": _rounded(one.high),
                "mean score": _rounded(one.mean_score),
                "queries": one.queries,
            }
            for one in outcome.plans
        ),
        # in a table of its own, as a long text makes a row with figures hard to read
        "how_plans_were_mined": table(
            {"plan": one.plan, "mined": one.mined} for one in outcome.plans
        ),
        **({} if lead is None else {"lead": round(0.0 - (lead.difference or 0.0), 5)}),
        "confidence": f"{outcome.confidence:.0%}, for {outcome.comparisons} comparisons together",
        "told_beforehand": outcome.forecast or "nothing",
        "seed_moves_a_difference_by": round(outcome.seed_deviation, 5),
        "judged_by": f"{outcome.queries:,} queries, which rank {outcome.documents:,} documents",
        "runs": outcome.runs,
        "seconds": outcome.seconds,
        **(
            {"stand_in": f"the first layers of the model: {outcome.layers}", **_agreement(outcome)}
            if outcome.layers
            else {}
        ),
    }


def share_changed(before: pa.Table, now: pa.Table) -> float:
    """Which share of the labelled pairs has come or gone, of those that there were before."""
    keys = ["query_id", "doc_id"]
    gone = before.join(now, keys, join_type="left anti").num_rows
    come = now.join(before, keys, join_type="left anti").num_rows
    return (gone + come) / max(before.num_rows, 1)


def _hold(context: StageContext, draft: Draft) -> TrialOutcome:
    settings, trial = context.settings, trial_settings(context.settings)
    training = training_of_a_run(context)
    measurements = draft.path(layout.TRIAL_MEASUREMENTS.name)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        session = open_mining_session(context, own_settings=True)
        plans = mine_plans(
            replace(session, teacher=None),
            plans_of(settings),
            folder,
            negatives_per_example=training.negatives_per_example,
            log=context.log.info,
        )
        queries = sample_queries(shared_queries(plans), trial.max_queries, trial.seed)
        corpus = ranked_documents(context, queries, folder)
        why = _why_not(plans, queries, trial)
        if why:
            context.log.warning(f"no plans are compared: {why}")
            write_measurements(measurements, None)
            return not_compared(
                plans,
                why,
                confidence=trial.confidence,
                queries=len(queries),
                documents=pq.read_metadata(corpus).num_rows,
            )
        bench = make_bench(context, corpus, training)
        whole = None
        if trial.layers is not None:
            small = folder / "stand_in"
            small.mkdir()
            write_stand_in(
                Path(bench.start),
                trial.layers,
                small,
                trust_remote_code=settings.encoding.trust_remote_code,
            )
            bench, whole = replace(bench, start=str(small)), bench
        runs = context.dataset.store.trial_runs
        key = hash_of_text(
            repr((settings_of_a_run(settings), identify(context), _versions(context)))
        ).hex()
        remove_others(runs, key[:16])
        return Trial(
            plans=plans,
            queries=queries,
            bench=bench,
            whole=whole,
            examples=lambda negatives: examples_with(context, negatives),
            split=settings.mining.split,
            settings=trial,
            runs=runs / key[:16],
            log=context.log.info,
        ).hold(measurements)


def _why_not(plans: list[MinedPlan], queries: list[str], trial: TrialSettings) -> str:
    """Why nothing can be compared; empty if something can."""
    tried = sum(plan.is_tried for plan in plans)
    if tried < 2:
        return f"{tried} of {len(plans)} plans give negatives of their own"
    fewest = FEWEST_QUERIES_PER_FOLD * trial.folds
    if len(queries) < fewest:
        return (
            f"only {len(queries)} queries have enough negatives with every plan, and "
            f"{trial.folds} folds need {fewest}"
        )
    return ""


def _earlier(context: StageContext) -> Path | None:
    """The folder of the version there is, if it is whole and was made with the same settings."""
    try:
        manifest = context.place.manifest()
        if manifest is None or manifest.info.get("depends_on") != _depends_on(context):
            return None
        folder = context.place.folder / manifest.version
        for file in STAGE.writes:
            context.place.file(file.name)
        read_outcome(folder / layout.NEGATIVES_TRIAL.name)
    except StoreError as error:
        context.log.warning(f"{error}: the trial is held anew")
        return None
    return folder


def _keep(context: StageContext, draft: Draft, earlier: Path, changed: float) -> Metadata:
    """Take the last outcome over, with the pairs that it was found on."""
    for file in STAGE.writes:
        shutil.copyfile(earlier / file.name, draft.path(file.name))
    outcome = read_outcome(draft.path(layout.NEGATIVES_TRIAL.name))
    kept = (
        f"the last outcome is kept: {changed:.1%} of the labelled pairs have changed since "
        f"(trial.repeat_after_change)"
    )
    context.log.info(kept)
    return {**describe_outcome(outcome), "kept": kept}


def _depends_on(context: StageContext) -> Resolved:
    """What an outcome is kept for: all but the data themselves."""
    return {"settings": settings(context.settings), "content": identify(context)}


def _versions(context: StageContext) -> Resolved:
    return {file.stage: context.manifest(file.stage).version for file in context.reads}


def _agreement(outcome: TrialOutcome) -> Metadata:
    if not outcome.agreement:
        return {"agreement_with_the_whole_model": "not measured: the budget was spent"}
    return {
        "agreement_with_the_whole_model": describe_agreement(outcome.agreement),
        "agreement": table(one.model_dump() for one in outcome.agreement),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


STAGE = Stage(
    writes=(layout.NEGATIVES_TRIAL, layout.TRIAL_MEASUREMENTS, layout.TRIAL_PAIRS),
    description=(
        "Plans of mining compared by what they train: which one leads, by how much, and whether "
        "that is beyond doubt."
    ),
    make=make,
    version=2,
    reads=MINING_INPUTS,
    settings=settings,
    identify=identify,
    is_part_of=lambda settings: settings.trial is not None,
    kinds=lambda settings: {"torch", "parquet"},
    uses_device=True,
)
