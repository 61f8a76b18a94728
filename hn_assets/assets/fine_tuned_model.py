"""fine_tuned_model: the encoder, trained on the training set."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hn_assets.encoding.models.hub_model import model_folder
from hn_assets.evaluation.training_rounds import TRAINED
from hn_assets.export.base.examples import Examples
from hn_assets.hashing import hash_of_text
from hn_assets.pipeline.metadata import MAX_ROWS, Metadata, picture, table
from hn_assets.pipeline.promotion import (
    data_versions,
    published_model,
    read_lineage,
    training_settings,
)
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.pipeline.training_inputs import (
    identify_start,
    starting_model,
    training_cluster,
    training_device,
)
from hn_assets.report.loss_curve import describe_losses, draw_losses, last_losses, loss_rows
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.encoding import PROMOTED
from hn_assets.store import Draft, layout
from hn_assets.training.checkpoints import remove_others
from hn_assets.training.fine_tune import fine_tune
from hn_assets.training.train_on_cluster import fine_tune_on
from hn_assets.training.training_job import LOG, TrainingJob
from hn_assets.training.training_rows import write_training_rows

JUDGED_BY = {"min_improvement", "confidence", "max_rounds"}


def settings(settings: DatasetSettings) -> Resolved:
    """All settings of training, but those that judge what came of it."""
    training = training_settings(settings)
    encoding = settings.encoding.depended_on({"model", "revision"})
    return {
        "training": training.model_dump(mode="json", exclude=JUDGED_BY),
        "encoding": encoding,
        "precision": settings.compute.precision,
        "split": settings.mining.split,
    }


def identify(context: StageContext) -> Resolved:
    """The model that training starts from, and whether there are rounds left."""
    if _rounds_are_over(context):
        return {"rounds": "none are left"}
    _, precision = training_device(context)
    return {**identify_start(context), "precision": precision}


def make(context: StageContext, draft: Draft) -> Metadata:
    """Train the model, or keep the promoted one if no round is left."""
    if _rounds_are_over(context):
        return _keep_promoted(context, draft)
    training = training_settings(context.settings)
    start = starting_model(context)
    devices, precision = training_device(context)
    key = hash_of_text(repr((settings(context.settings), identify(context), _inputs(context))))
    checkpoints = context.dataset.store.checkpoints / key.hex()[:16]
    remove_others(checkpoints.parent, checkpoints.name)
    output = draft.path(layout.MODEL_FOLDER)
    output.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        rows = Path(scratch) / "training.parquet"
        validation = Path(scratch) / "validation.parquet"
        counts = write_training_rows(
            _examples(context),
            rows,
            validation,
            settings=training,
            usage=start.usage,
        )
        job = TrainingJob.starting_from(
            start,
            model_folder(start.location, start.commit),
            training_rows=rows,
            validation_rows=validation if counts.validation else None,
            rows=counts.training,
            checkpoints=checkpoints,
            output=output,
            settings=training,
            encoding=context.settings.encoding,
            precision=precision,
            devices=devices,
        )
        cluster = training_cluster(context)
        if cluster is None:
            report = fine_tune(job, context.log.info)
        else:
            report = fine_tune_on(cluster, job, context.log.info)
    described: dict[str, Any] = {}
    if training.tensorboard:
        events = draft.path(layout.TENSORBOARD_FOLDER)
        shutil.copytree(job.event_files, events)
        folder = f"{context.place.folder}/latest/{layout.TENSORBOARD_FOLDER}"
        described["tensorboard"] = f"tensorboard --logdir {folder}"
    # beside the model, so that the folder of the model holds nothing but it
    (output / LOG).replace(draft.path(layout.FINE_TUNED_MODEL.name))
    if counts.queries_with_too_few_negatives:
        context.log.warning(
            f"{counts.queries_with_too_few_negatives} queries have fewer than "
            f"{training.negatives_per_example} negatives and were not trained on"
        )
    draft.info["data"] = data_versions(_inputs(context))
    draft.info[TRAINED] = True
    mined = context.info(layout.HARD_NEGATIVES.stage)
    draft.info["negatives"] = {"plan": mined["plan"], "settings": mined["made_from"]["settings"]}
    return {
        "trained": True,
        "in_short": describe_losses(report.log),
        "starts_from": start.name,
        "trainer": training.trainer,
        "loss_function": training.loss,
        "trained_on": report.node or "this machine",
        "device": ", ".join(job.devices),
        "processes": report.processes,
        "precision": precision,
        "training_rows": counts.training,
        "training_queries": counts.training_queries,
        "validation_queries": counts.validation_queries,
        "queries_with_too_few_negatives": counts.queries_with_too_few_negatives,
        "steps": report.steps,
        "best_step": "the last" if report.best_step is None else report.best_step,
        "stopped_early": report.stopped_early,
        "resumed_at": "not at all" if report.resumed_at is None else report.resumed_at,
        "training_seconds": report.seconds,
        **described,
        **last_losses(report.log),  # as numbers, they are charted by the UI
        "losses": table(loss_rows(report.log, MAX_ROWS)),
        "loss_curve": picture("loss by step", draw_losses(report.log)),
    }


def published(context: StageContext, version: str) -> None:
    """Remove the checkpoints, which nobody goes on from any more."""
    remove_others(context.dataset.store.checkpoints, "")


def _keep_promoted(context: StageContext, draft: Draft) -> Metadata:
    training = training_settings(context.settings)
    folder = published_model(context.dataset.store, layout.PROMOTED_MODEL.stage)
    assert folder is not None, "rounds are over only if a model was promoted"
    shutil.copytree(folder, draft.path(layout.MODEL_FOLDER))
    draft.path(layout.FINE_TUNED_MODEL.name).write_text("{}\n", encoding="utf-8")
    draft.info["data"] = data_versions(_inputs(context))
    draft.info[TRAINED] = False
    context.log.info(
        f"nothing is trained: {training.max_rounds} models were promoted on these data "
        f"(training.max_rounds)"
    )
    return {"trained": False, "why": f"the limit of {training.max_rounds} rounds is reached"}


def _examples(context: StageContext) -> Examples:
    return Examples(
        corpus=context.input(layout.CORPUS),
        queries=context.input(layout.QUERIES),
        qrels=context.input(layout.QRELS),
        hard_negatives=context.input(layout.HARD_NEGATIVES),
        split=context.settings.mining.split,
        include_title=bool(context.info(layout.HARD_NEGATIVES.stage)["include_title"]),
        teacher_scores=context.optional_input(layout.TEACHER_SCORES),
        suspects=context.optional_input(layout.SUSPECT_POSITIVES),
        judged=context.optional_input(layout.JUDGE_VERDICTS),
    )


def _rounds_are_over(context: StageContext) -> bool:
    if context.settings.encoding.model != PROMOTED:
        return False
    lineage = read_lineage(context.dataset.store)
    if lineage is None or lineage.data != data_versions(_inputs(context)):
        return False
    return lineage.round >= training_settings(context.settings).max_rounds


def _inputs(context: StageContext) -> dict[str, str]:
    return {file.stage: context.manifest(file.stage).version for file in context.reads}


STAGE = Stage(
    writes=(layout.FINE_TUNED_MODEL,),
    description="The encoder, fine-tuned on the training set, with its losses step by step.",
    make=make,
    version=2,
    reads=(
        layout.CORPUS,
        layout.QUERIES,
        layout.QRELS,
        layout.HARD_NEGATIVES,
        layout.TEACHER_SCORES,
        layout.SUSPECT_POSITIVES,
        layout.JUDGE_VERDICTS,
        layout.TRAINING_SET,
    ),
    settings=settings,
    identify=identify,
    published=published,
    is_part_of=lambda settings: settings.training is not None,
    kinds=lambda settings: {"torch"},
    uses_device=True,
)
