"""One run of a trial: a model is trained on the negatives of a plan, and ranks the held out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hn_assets.encoding.models.model import ModelIdentity
from hn_assets.evaluation.quality_by_query import DECIDES
from hn_assets.evaluation.rank_with_model import rank_with_model
from hn_assets.evaluation.retrieval_quality import measure_each_query
from hn_assets.export.base.examples import Example, Examples
from hn_assets.mining.rules.sampling import hash_ids
from hn_assets.settings.compute import ComputeSettings
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.settings.training import TrainingSettings
from hn_assets.training.training_job import TrainingJob
from hn_assets.training.training_rows import write_training_rows
from hn_assets.trial.ranked_documents import DEPTH
from hn_assets.trial.rules import RunResult

if TYPE_CHECKING:
    import pandas as pd


class Trains(Protocol):
    """Trains one model after another: a process of this machine, or a node of a cluster."""

    def fine_tune(self, job: TrainingJob, log: Callable[[str], None]) -> Any:
        """Train what a job says; `log` takes a line of progress now and then."""
        ...


@dataclass(frozen=True)
class TrialBench:
    """What all runs of a trial have in common.

    Attributes:
        corpus: The Parquet file of the documents that are ranked.
        queries: The Parquet file of the queries.
        qrels: The judgements, with the columns of `schemas.QRELS`.
        model: The model that training starts from.
        start: The folder of its weights, or of a stand-in's.
        encoding: The settings of encoding.
        compute: The settings of the device.
        devices: The torch devices that train.
        precision: What they train in.
        training: The settings of training.
        memory_mb: `search.memory_mb`.
        max_steps: The most steps of a training; None if only the epochs count.
        trainer: Trains one model after another.
    """

    corpus: Path
    queries: Path
    qrels: pd.DataFrame
    model: ModelIdentity
    start: str
    encoding: EncodingSettings
    compute: ComputeSettings
    devices: list[str]
    precision: str
    training: TrainingSettings
    memory_mb: int
    max_steps: int | None
    trainer: Trains

    def run(
        self, examples: Sequence[Example], judging: Collection[str], split: str, seed: int
    ) -> RunResult:
        """Train on the examples, and measure nDCG@10 of other queries.

        Args:
            examples: What is trained on.
            judging: The ids of the queries that judge; each must have a positive in the split.
            split: The split of their judgements.
            seed: Of this training.
        """
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            self._train(examples, folder, seed)
            values = self._judge(folder / "model", folder, judging, split)
        return RunResult(values, time.monotonic() - start)

    def _train(self, examples: Sequence[Example], folder: Path, seed: int) -> None:
        rows = folder / "training.parquet"
        training = self.training.model_copy(
            update={"seed": seed, "validation_share": 0.0, "tensorboard": False}
        )
        counts = write_training_rows(
            examples,
            rows,
            folder / "none.parquet",
            settings=training,
            usage=self.model.usage,
        )
        output = folder / "model"
        output.mkdir()
        job = TrainingJob.starting_from(
            self.model,
            self.start,
            training_rows=rows,
            validation_rows=None,
            rows=counts.training,
            # a node may keep those of several trainings
            checkpoints=folder / f"checkpoints-{folder.name}",
            output=output,
            settings=training,
            encoding=self.encoding,
            precision=self.precision,
            devices=self.devices,
        )
        epochs = training.epochs
        if self.max_steps is not None:
            epochs = min(epochs, self.max_steps / job.steps_per_epoch)
        # no checkpoint: a run is short, and what it gave is kept
        beyond_the_end = 1 + round(epochs * job.steps_per_epoch) * 2
        limited = training.model_copy(update={"epochs": epochs, "checkpoint_steps": beyond_the_end})
        self.trainer.fine_tune(replace(job, settings=limited), _nothing)

    def _judge(
        self, model: Path, folder: Path, judging: Collection[str], split: str
    ) -> dict[str, float]:
        rankings = rank_with_model(
            self.corpus,
            self.queries,
            sorted(judging),
            model=model,
            encoding=self.encoding,
            compute=self.compute,
            folder=folder,
            cache_folder=folder / "vectors",
            memory_mb=self.memory_mb,
            depth=DEPTH,
            log=_nothing,
        )
        judged = self.qrels[self.qrels.query_id.isin(list(judging))]
        each = measure_each_query(rankings.candidates, judged, split, DEPTH)
        return dict(zip(each.query_id, each[DECIDES].astype(float), strict=True))


def fold_of(query_ids: Sequence[str], folds: int, seed: int) -> dict[str, int]:
    """The part that each query belongs to, by the hash of seed and id.

    >>> fold_of(["a", "b", "c"], 2, 42) == fold_of(["c", "a", "b"], 2, 42)
    True
    """
    # another key than those of the negatives, so that the choices have nothing in common
    keys = hash_ids([f"fold\n{query_id}" for query_id in query_ids], seed)
    return {query: int(key % folds) for query, key in zip(query_ids, keys, strict=True)}


def sample_queries(query_ids: Sequence[str], count: int, seed: int) -> list[str]:
    """At most so many of the queries, by the hash of seed and id, sorted."""
    keys = hash_ids([f"trial\n{query_id}" for query_id in query_ids], seed)
    ordered = sorted(zip(keys.tolist(), query_ids, strict=True))
    return sorted(query for _, query in ordered[:count])


def examples_of(examples: Examples, queries: Collection[str]) -> list[Example]:
    """The examples of some queries, by query id."""
    wanted = set(queries)
    return [example for example in examples if example.query_id in wanted]


def _nothing(line: str) -> None:
    """The lines of single runs are left out: those of the tournament say what came of them."""
