"""What the process that trains is told, and what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hn_assets.encoding.models.identity import ModelIdentity
from hn_assets.encoding.models.own_files import Head
from hn_assets.errors import SettingsError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.settings.training import TrainingSettings

PROGRESS = "progress: "  # before each line of JSON that the process prints for its parent
FEWEST_STEPS = 20  # between two checkpoints, which take the time of a few steps
LOG = "training_log.json"  # in the folder of the model: what was measured while it was trained


@dataclass(frozen=True)
class TrainingJob:
    """One training, as JSON can hold it.

    Attributes:
        start: The folder of the model to start from.
        pooling: cls, mean or last_token.
        normalize: Whether its vectors have length 1.
        query_max_length: The most tokens of a query while training.
        passage_max_length: The most tokens of a passage while training.
        model_max_length: The limit that the saved model states.
        training_rows: The Parquet file of the rows to train on.
        validation_rows: The same for the validation part; empty if there is none.
        rows: How many rows to train on there are.
        checkpoints: The folder that checkpoints are kept in until training is done.
        output: The folder that the trained model is saved to.
        settings: The settings of training.
        precision: float32, tf32, bfloat16 or float16.
        devices: The torch devices.
        trust_remote_code: Whether code that the model brings along may run.
        model_query_length: The limit of queries that the saved model states; None if it is the
            same.
        prompts: The prompts that the saved model states, by name; the rows have them already.
        heads: The modules behind the pooling.
        dimensions: How many numbers of a vector the saved model keeps; None for all.
        lower_case: Whether texts are put into lower case.
        parent: The process that started this one, which ends with it.
    """

    start: str
    pooling: str
    normalize: bool
    query_max_length: int
    passage_max_length: int
    model_max_length: int
    training_rows: str
    validation_rows: str
    rows: int
    checkpoints: str
    output: str
    settings: TrainingSettings
    precision: str
    devices: list[str]
    trust_remote_code: bool
    model_query_length: int | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    heads: tuple[Head, ...] = ()
    dimensions: int | None = None
    lower_case: bool = False
    parent: int = 0

    def to_json(self) -> str:
        """The job as JSON."""
        return json.dumps({**asdict(self), "settings": self.settings.model_dump(mode="json")})

    @classmethod
    def starting_from(
        cls,
        model: ModelIdentity,
        folder: str,
        *,
        training_rows: Path,
        validation_rows: Path | None,
        rows: int,
        checkpoints: Path,
        output: Path,
        settings: TrainingSettings,
        encoding: EncodingSettings,
        precision: str,
        devices: list[str],
    ) -> TrainingJob:
        """The training of a model that is encoded with these settings.

        Args:
            model: The model.
            folder: The folder of its weights, which may be those of a stand-in.
            training_rows: The Parquet file of the rows to train on.
            validation_rows: The same for the validation part; None if there is none.
            rows: How many rows to train on there are.
            checkpoints: The folder that checkpoints are kept in until training is done.
            output: The folder that the trained model is saved to.
            settings: The settings of training.
            encoding: The settings of encoding.
            precision: float32, tf32, bfloat16 or float16.
            devices: The torch devices; those whose batch would never be full are not used.

        Raises:
            SettingsError: The trainer cannot train such a model.
        """
        usage = model.usage
        if settings.trainer == "flagembedding" and (usage.heads or usage.lower_case):
            raise SettingsError(
                f"training.trainer is flagembedding, which trains no modules behind the pooling "
                f"and puts no text into lower case, as {model.name} needs it; set it to "
                f"sentence_transformers"
            )
        prompts = {"query": usage.query_prompt.prefix, "document": usage.passage_prompt.prefix}
        return cls(
            start=folder,
            pooling=model.pooling,
            normalize=usage.normalize,
            query_max_length=settings.max_length or model.query_max_length,
            passage_max_length=settings.max_length or model.passage_max_length,
            model_max_length=model.passage_max_length,
            training_rows=str(training_rows),
            validation_rows="" if validation_rows is None else str(validation_rows),
            rows=rows,
            checkpoints=str(checkpoints),
            output=str(output),
            settings=settings,
            precision=precision,
            # a process whose batch is never full would see nothing
            devices=devices[: max(1, rows // settings.batch_size)],
            trust_remote_code=encoding.trust_remote_code,
            model_query_length=model.other_query_length,
            # one that goes on behind the text is no prompt to other libraries
            prompts={name: text for name, text in prompts.items() if text is not None},
            heads=usage.heads,
            dimensions=usage.dimensions,
            lower_case=usage.lower_case,
        )

    @classmethod
    def from_json(cls, text: str) -> TrainingJob:
        """Read what `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        heads = tuple(Head(**head) for head in values["heads"])
        settings = TrainingSettings(**values["settings"])
        return cls(**{**values, "settings": settings, "heads": heads})

    @property
    def on_cpu(self) -> bool:
        """Whether it is trained on the CPU."""
        return set(self.devices) == {"cpu"}

    @property
    def event_files(self) -> Path:
        """The folder of the files for TensorBoard, which a training that goes on adds to."""
        return Path(self.checkpoints) / "tensorboard"

    @property
    def steps_per_epoch(self) -> int:
        """How many steps a pass over the rows takes."""
        return max(1, self.rows // (self.settings.batch_size * len(self.devices)))

    @property
    def checkpoint_steps(self) -> int:
        """How many steps there are between two checkpoints."""
        return self.settings.checkpoint_steps or max(FEWEST_STEPS, self.steps_per_epoch // 10)


def say(**progress: Any) -> None:
    """Print a line of progress for the parent."""
    print(PROGRESS + json.dumps(progress), flush=True)


def write_log(job: TrainingJob, log: list[dict[str, Any]], **facts: Any) -> None:
    """Write what was measured while training into the folder of the model."""
    path = Path(job.output) / LOG
    path.write_text(json.dumps({**facts, "log": log}, indent=1) + "\n", encoding="utf-8")
