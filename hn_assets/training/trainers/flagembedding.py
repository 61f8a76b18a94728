"""The trainer of FlagEmbedding, for its encoders that pool by themselves."""

import json
import shutil
from pathlib import Path
from typing import Any

from hn_assets.training.checkpoints import newest_whole
from hn_assets.training.progress_callback import progress_callback
from hn_assets.training.sentence_transformer import open_model, save_model
from hn_assets.training.trainer_arguments import common_arguments
from hn_assets.training.training_job import TrainingJob, say, write_log


def train(job: TrainingJob) -> None:
    """Train the model of the job, save it, and write its log."""
    checkpoint = newest_whole(Path(job.checkpoints))
    trainer = make_trainer(job, checkpoint)
    if checkpoint is not None and trainer.is_world_process_zero():
        say(message=f"goes on from {Path(checkpoint).name}")
    result = trainer.train(resume_from_checkpoint=checkpoint)
    if not trainer.is_world_process_zero():
        return
    last = Path(job.checkpoints) / "last"
    trainer.save_model(str(last))
    save_model(open_model(str(last), job, job.model_max_length), job)
    shutil.rmtree(last)
    log = [
        {name: row[name] for name in ("step", "epoch", "loss", "learning_rate") if name in row}
        for row in trainer.state.log_history
        if "loss" in row
    ]
    write_log(
        job,
        log,
        processes=trainer.args.world_size,
        steps=trainer.state.global_step,
        seconds=round(float(result.metrics["train_runtime"]), 1),
        resumed_at=int(checkpoint.rsplit("-", 1)[1]) if checkpoint else None,
        best_step=None,
        stopped_early=False,
    )


def make_trainer(job: TrainingJob, checkpoint: str | None = None) -> Any:
    """FlagEmbedding's trainer of the model of the job."""
    from FlagEmbedding.finetune.embedder.encoder_only.base import EncoderOnlyEmbedderRunner

    trainer = EncoderOnlyEmbedderRunner(*_arguments(job, checkpoint)).trainer
    trainer.add_callback(progress_callback())
    return trainer


def _arguments(job: TrainingJob, checkpoint: str | None) -> tuple[Any, Any, Any]:
    from FlagEmbedding.finetune.embedder.encoder_only.base import (
        EncoderOnlyEmbedderDataArguments,
        EncoderOnlyEmbedderModelArguments,
        EncoderOnlyEmbedderTrainingArguments,
    )

    settings = job.settings
    model = EncoderOnlyEmbedderModelArguments(
        model_name_or_path=job.start, trust_remote_code=job.trust_remote_code
    )
    data = EncoderOnlyEmbedderDataArguments(
        train_data=[str(_write_rows(job))],  # type: ignore[arg-type]  # a list in truth
        train_group_size=settings.negatives_per_example + 1,
        query_max_len=job.query_max_length,
        passage_max_len=job.passage_max_length,
        # FlagEmbedding's loader wants a folder of its own for what it makes of the rows
        cache_path=str(Path(job.checkpoints) / "rows"),
    )
    training = EncoderOnlyEmbedderTrainingArguments(
        **common_arguments(job),
        temperature=settings.temperature,
        sentence_pooling_method=job.pooling,
        normalize_embeddings=job.normalize,
        negatives_cross_device=len(job.devices) > 1,
        use_mrl=bool(settings.matryoshka_dimensions),
        mrl_dims=[str(size) for size in settings.matryoshka_dimensions],  # type: ignore[arg-type]
        dataloader_drop_last=True,
        # not None, which would be refused if the folder holds anything
        resume_from_checkpoint=checkpoint or "none",
    )
    return model, data, training


def _write_rows(job: TrainingJob) -> Path:
    """The rows as FlagEmbedding reads them."""
    import pyarrow.parquet as pq

    path = Path(job.checkpoints) / "training.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for row in pq.read_table(job.training_rows).to_pylist():
            found = {"query": row["query"], "pos": [row["positive"]], "neg": row["negatives"]}
            file.write(json.dumps(found, ensure_ascii=False) + "\n")
    return path
