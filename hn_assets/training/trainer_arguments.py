"""What every trainer is told, by the names that the trainer of transformers has for it."""

from typing import Any

from hn_assets.training.training_job import TrainingJob


def common_arguments(job: TrainingJob) -> dict[str, Any]:
    """The arguments that the trainers of sentence-transformers and of FlagEmbedding share."""
    settings, steps = job.settings, job.checkpoint_steps
    return {
        "output_dir": job.checkpoints,
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "warmup_steps": settings.warmup_ratio,  # below 1, it is a share of all steps
        "weight_decay": settings.weight_decay,
        "seed": settings.seed,
        "bf16": job.precision == "bfloat16",
        "fp16": job.precision == "float16",
        "tf32": True if job.precision == "tf32" else None,
        "use_cpu": job.on_cpu,
        "logging_steps": max(1, steps // 4),
        "save_strategy": "steps",
        "save_steps": steps,
        "save_total_limit": 2,
        "report_to": ["tensorboard"] if settings.tensorboard else [],
        "disable_tqdm": True,
    }
