"""What a trainer tells the process that started it while it trains."""

from typing import Any

from hn_assets.training.training_job import say


def progress_callback() -> Any:
    """A callback for the trainers of transformers that says the losses that they log."""
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            logs = given.get("logs") or {}
            found = {name: logs[name] for name in ("loss", "eval_loss") if name in logs}
            if found and state.is_world_process_zero:
                say(step=state.global_step, steps=state.max_steps, **found)

    return Progress()
