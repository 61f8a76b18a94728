"""The trainer of sentence-transformers."""

from pathlib import Path
from typing import Any

from hn_assets.training.checkpoints import newest_whole
from hn_assets.training.lora import add_adapters, merge_adapters
from hn_assets.training.losses import make_loss
from hn_assets.training.progress_callback import progress_callback
from hn_assets.training.sentence_transformer import open_model, save_model
from hn_assets.training.trainer_arguments import common_arguments
from hn_assets.training.training_job import TrainingJob, say, write_log

QUERY = "anchor"  # the column of the queries


def train(job: TrainingJob) -> None:
    """Train the model of the job, save it, and write its log."""
    settings = job.settings
    trainer = make_trainer(job)
    model = trainer.model
    checkpoint = newest_whole(Path(job.checkpoints))
    if checkpoint is not None and trainer.is_world_process_zero():
        say(message=f"goes on from {Path(checkpoint).name}")
    result = trainer.train(resume_from_checkpoint=checkpoint)
    if not trainer.is_world_process_zero():
        return
    if settings.lora is not None:
        merge_adapters(model)
    save_model(model.float(), job)
    state = trainer.state
    best = state.best_global_step if job.validation_rows else None
    write_log(
        job,
        [_entry(row) for row in state.log_history if "loss" in row or "eval_loss" in row],
        processes=trainer.args.world_size,
        steps=state.global_step,
        seconds=round(float(result.metrics["train_runtime"]), 1),
        resumed_at=int(checkpoint.rsplit("-", 1)[1]) if checkpoint else None,
        best_step=best,
        stopped_early=state.global_step < state.max_steps,
    )


def make_trainer(job: TrainingJob) -> Any:
    """The `SentenceTransformerTrainer` that trains the model of the job."""
    from transformers import EarlyStoppingCallback

    settings = job.settings
    model = open_model(job.start, job, job.passage_max_length)
    # the arguments of the trainer say which columns are queries
    model[0].query_length, model[0].document_length = job.query_max_length, job.passage_max_length
    if settings.lora is not None:
        add_adapters(model, settings.lora)
    training = _columns(job.training_rows, job)
    validation = _columns(job.validation_rows, job) if job.validation_rows else None
    callbacks: list[Any] = [progress_callback()]
    if validation is not None:
        callbacks.append(EarlyStoppingCallback(settings.early_stopping_patience))
    return _trainer_class()(
        model=model,
        args=_arguments(job, has_validation=validation is not None),
        train_dataset=training,
        eval_dataset=validation,
        loss=make_loss(model, settings, processes=len(job.devices)),
        callbacks=callbacks,
    )


def _columns(path: str, job: TrainingJob) -> Any:
    """The rows as the losses read them: a column for each text, and the teacher's scores."""
    import pyarrow.parquet as pq
    from datasets import Dataset

    table = pq.read_table(path)
    negatives = table["negatives"].to_pylist()
    columns: dict[str, Any] = {QUERY: table["query"], "positive": table["positive"]}
    for place, name in enumerate(_negative_columns(job)):
        columns[name] = [row[place] for row in negatives]
    if job.settings.learns_from_teacher:
        scores = table["teacher_scores"].to_pylist()
        if job.settings.loss == "margin_mse":
            scores = [[row[0] - score for score in row[1:]] for row in scores]
        columns["label"] = scores
    return Dataset.from_dict(columns)


def _negative_columns(job: TrainingJob) -> list[str]:
    return [f"negative_{place + 1}" for place in range(job.settings.negatives_per_example)]


def _arguments(job: TrainingJob, *, has_validation: bool) -> Any:
    from sentence_transformers import SentenceTransformerTrainingArguments
    from sentence_transformers.base.sampler import BatchSamplers

    steps = job.checkpoint_steps
    passages = ["positive", *_negative_columns(job)]
    return SentenceTransformerTrainingArguments(
        **common_arguments(job),
        per_device_eval_batch_size=job.settings.batch_size,
        data_seed=job.settings.seed,
        # a text that stands in a batch twice would be a negative of its own query
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        router_mapping={QUERY: "query", **dict.fromkeys(passages, "document")},
        eval_strategy="steps" if has_validation else "no",
        eval_steps=steps if has_validation else None,
        load_best_model_at_end=has_validation,
        metric_for_best_model="eval_loss" if has_validation else None,
        greater_is_better=False if has_validation else None,
        dataloader_num_workers=0,
        dataloader_pin_memory=not job.on_cpu,
    )


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    wanted = ("step", "epoch", "loss", "eval_loss", "learning_rate")
    return {name: row[name] for name in wanted if name in row}


def _trainer_class() -> Any:
    from sentence_transformers import SentenceTransformerTrainer
    from sentence_transformers.base.sampler import BatchSamplers

    class Trainer(SentenceTransformerTrainer):
        """Looks at the whole validation part, also with several processes.

        While training, these leave incomplete batches out, since they all must have as many; a
        small validation part may be nothing else. Its last batch is filled up instead, for which
        only that one may be incomplete: those that keep equal texts apart may be at any place.
        """

        def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
            if self.args.world_size == 1:
                return super().get_eval_dataloader(eval_dataset)
            before = self.args.batch_sampler, self.args.dataloader_drop_last
            self.args.batch_sampler = BatchSamplers.BATCH_SAMPLER
            self.args.dataloader_drop_last = False
            try:
                return super().get_eval_dataloader(eval_dataset)
            finally:
                self.args.batch_sampler, self.args.dataloader_drop_last = before

    return Trainer
