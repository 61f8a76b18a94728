"""`python -m hn_assets_tests.soak.rows_seen JOB FOLDER`: train, and write which rows a step read.

It may be started by PyTorch's launcher; each process writes a file of its own.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from hn_assets.training.trainers.sentence_transformers import make_trainer
from hn_assets.training.training_job import TrainingJob


def main() -> None:
    """Train what the job says."""
    trainer = make_trainer(TrainingJob.from_json(Path(sys.argv[1]).read_text(encoding="utf-8")))
    tokenizer, step = trainer.model.tokenizer, trainer.training_step
    seen: list[list[str]] = []

    def watched(model: Any, inputs: dict[str, Any], *given: Any) -> Any:
        ids = inputs["anchor_input_ids"]
        seen.append(tokenizer.batch_decode(ids, skip_special_tokens=True))
        return step(model, inputs, *given)

    trainer.training_step = watched
    trainer.train()
    rank = os.environ.get("RANK", "0")
    (Path(sys.argv[2]) / f"{rank}.json").write_text(json.dumps(seen), encoding="utf-8")


if __name__ == "__main__":
    main()
