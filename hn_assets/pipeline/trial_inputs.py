"""What a trial of negatives reads, and what its runs depend on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hn_assets.encoding.models.hub_model import model_folder
from hn_assets.export.base.examples import Examples
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.pipeline.training_inputs import starting_model, training_cluster, training_device
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.training import TrainingSettings
from hn_assets.settings.trial import TrialSettings
from hn_assets.store import layout
from hn_assets.training.train_on_cluster import TrainingOnCluster
from hn_assets.training.training_process import TrainingProcess
from hn_assets.trial.plans import TrialPlan, plans_to_try
from hn_assets.trial.ranked_documents import write_ranked_documents
from hn_assets.trial.train_and_judge import Trains, TrialBench

# what a training in the graph does, and a short one in a trial does not
NOT_OF_A_TRIAL = {
    "base_model",
    "start_from",
    "seed",
    "validation_share",
    "early_stopping_patience",
    "checkpoint_steps",
    "min_improvement",
    "confidence",
    "max_rounds",
    "tensorboard",
}
# what decides how long a trial goes on, and nothing about a single run
OF_THE_WHOLE_TRIAL = {
    "plans",
    "budget_minutes",
    "min_repeats",
    "max_repeats",
    "confidence",
    "repeat_after_change",
}


def trial_settings(settings: DatasetSettings) -> TrialSettings:
    """The section `trial`, which every dataset with this stage has."""
    assert settings.trial is not None, "only datasets with a trial have this stage"
    return settings.trial


def plans_of(settings: DatasetSettings) -> list[TrialPlan]:
    """The plans that are tried."""
    return plans_to_try(trial_settings(settings).plans, settings.mining, settings.filters)


def settings_of_a_run(settings: DatasetSettings) -> Mapping[str, Any]:
    """The settings that the result of a single run depends on."""
    training = settings.training or TrainingSettings()
    return {
        "runs": trial_settings(settings).model_dump(mode="json", exclude=OF_THE_WHOLE_TRIAL),
        "training": training.model_dump(mode="json", exclude=NOT_OF_A_TRIAL),
        "encoding": settings.encoding.depended_on({"model", "revision"}),
        "precision": settings.compute.precision,
        "split": settings.mining.split,
    }


def training_of_a_run(context: StageContext) -> TrainingSettings:
    """The section `training`, or its defaults; a loss that needs a teacher is replaced."""
    training = context.settings.training or TrainingSettings()
    if not training.learns_from_teacher:
        return training
    context.log.warning(
        f"training.loss is {training.loss}, and a trial has no teacher: its models are trained "
        f"with multiple_negatives_ranking"
    )
    return training.model_copy(update={"loss": "multiple_negatives_ranking"})


def labelled_pairs(context: StageContext) -> pa.Table:
    """The positives of the mined split: query_id and doc_id, sorted."""
    split = context.settings.mining.split
    found = pq.read_table(
        context.input(layout.QRELS),
        columns=["query_id", "doc_id"],
        filters=(pc.field("split") == split) & (pc.field("score") > 0),
    )
    return found.sort_by([("query_id", "ascending"), ("doc_id", "ascending")])


def examples_with(context: StageContext, negatives: Path) -> Examples:
    """The training examples with the negatives of a plan."""
    return Examples(
        corpus=context.input(layout.CORPUS),
        queries=context.input(layout.QUERIES),
        qrels=context.input(layout.QRELS),
        hard_negatives=negatives,
        split=context.settings.mining.split,
        include_title=bool(context.info(layout.CORPUS_EMBEDDINGS.stage)["include_title"]),
    )


def ranked_documents(context: StageContext, queries: list[str], folder: Path) -> Path:
    """The Parquet file of the documents that are ranked to judge; perhaps a new one in `folder`."""
    trial = trial_settings(context.settings)
    pairs = labelled_pairs(context)
    of_queries = pairs.filter(pc.field("query_id").isin(queries))
    return write_ranked_documents(
        context.input(layout.CORPUS),
        context.input(layout.CANDIDATES),
        queries,
        of_queries["doc_id"].to_pylist(),
        folder / "ranked_documents.parquet",
        limit=trial.max_documents,
        seed=trial.seed,
    )


def make_bench(context: StageContext, corpus: Path, training: TrainingSettings) -> TrialBench:
    """What all runs have in common, with the whole model."""
    import pandas as pd

    settings, start = context.settings, starting_model(context)
    devices, precision = training_device(context)
    qrels = pd.read_parquet(context.input(layout.QRELS))
    return TrialBench(
        corpus=corpus,
        queries=context.input(layout.QUERIES),
        qrels=qrels[qrels.split == settings.mining.split],
        model=start,
        start=model_folder(start.location, start.commit),
        encoding=settings.encoding,
        compute=settings.compute,
        devices=devices,
        precision=precision,
        training=training,
        memory_mb=settings.search.memory_mb,
        max_steps=trial_settings(settings).max_steps,
        trainer=context.shared.get("trainer of a trial", lambda: _trainer(context)),
    )


def _trainer(context: StageContext) -> Trains:
    """What trains the models of a trial: a node of the cluster if there is one."""
    cluster = training_cluster(context)
    return TrainingProcess() if cluster is None else TrainingOnCluster(cluster)
