"""Small trainings of a tiny model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.settings.training import TrainingSettings
from hn_assets.training.training_job import TrainingJob
from hn_assets.training.training_rows import ROWS

TRAINING, VALIDATION = 48, 8


def make_job(folder: Path, model: Path, **settings: Any) -> TrainingJob:
    """A training of six steps in `folder`, with a checkpoint every two."""
    folder.mkdir()
    (folder / "model").mkdir()
    rows = [
        {
            "query": f"what is fact {i}?",
            "positive": f"fact {i} is about the number {i}",
            "negatives": [f"fact {i + j} is about the number {i + j}" for j in (1, 2)],
            "teacher_scores": [3.0, 1.0, -1.0],
        }
        for i in range(TRAINING + VALIDATION)
    ]
    for name, part in (("training", rows[:TRAINING]), ("validation", rows[TRAINING:])):
        pq.write_table(pa.Table.from_pylist(part, schema=ROWS), folder / f"{name}.parquet")
    given = {"batch_size": 8, "negatives_per_example": 2, "checkpoint_steps": 2, **settings}
    chosen = TrainingSettings(learning_rate=1e-3, **given)
    job = TrainingJob(
        start=str(model),
        pooling="mean",
        normalize=True,
        query_max_length=24,
        passage_max_length=24,
        model_max_length=64,
        training_rows=str(folder / "training.parquet"),
        validation_rows=str(folder / "validation.parquet"),
        rows=TRAINING,
        checkpoints=str(folder / "checkpoints"),
        output=str(folder / "model"),
        settings=chosen,
        precision="float32",
        devices=["cpu"],
        trust_remote_code=False,
    )
    return replace(job, validation_rows="") if chosen.trainer == "flagembedding" else job
