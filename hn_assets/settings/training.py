"""The YAML section `training`: how the encoder is fine-tuned on the training set."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from hn_assets.settings_base import Settings

DISTILLATION_LOSSES = ("margin_mse", "kl_divergence")


class LoraSettings(Settings):
    """Low-rank adapters, which are trained in place of the model's own weights (peft)."""

    rank: int = Field(default=16, ge=1, description="the rank of the adapters")
    alpha: float = Field(default=32.0, gt=0, description="adapters are scaled by alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="in the adapters, while training")
    target_modules: str = Field(
        default="all-linear",
        min_length=1,
        description="names of the layers, with commas between, or `all-linear`",
    )


class TrainingSettings(Settings):
    """How a model is fine-tuned, judged against the one before, and promoted.

    Without the section `training` nothing is trained.
    """

    changeable_by_runs: ClassVar[tuple[str, ...]] = (
        "loss",
        "epochs",
        "learning_rate",
        "warmup_ratio",
        "weight_decay",
        "batch_size",
        "negatives_per_example",
        "max_length",
        "temperature",
        "seed",
        "validation_share",
        "early_stopping_patience",
        "min_improvement",
        "confidence",
        "max_rounds",
    )

    trainer: Literal["sentence_transformers", "flagembedding"] = Field(
        default="sentence_transformers",
        description=(
            "whose trainer runs: that of sentence-transformers, or that of FlagEmbedding, which "
            "knows no early stopping, no LoRA and no loss but its own contrastive one"
        ),
    )
    base_model: str | None = Field(
        default=None,
        min_length=1,
        description=(
            "the model of the first round, as encoding.model names one; needed if encoding.model "
            "is `promoted`, and otherwise encoding.model itself"
        ),
    )
    start_from: Literal["base", "promoted"] = Field(
        default="base",
        description=(
            "`base`: each round trains the base model anew, on negatives of the model before; "
            "`promoted`: each round goes on from the model that mined its negatives"
        ),
    )
    loss: Literal[
        "multiple_negatives_ranking",
        "cached_multiple_negatives_ranking",
        "margin_mse",
        "kl_divergence",
    ] = Field(
        default="multiple_negatives_ranking",
        description=(
            "`multiple_negatives_ranking`: the positive against its hard negatives and those of "
            "the batch; `cached_...`: the same, its batch computed in parts, for large batches in "
            "little memory; `margin_mse`, `kl_divergence`: the teacher's scores are learned, which "
            "needs the section teacher"
        ),
    )
    epochs: float = Field(default=1.0, gt=0, description="passes over the examples")
    learning_rate: float = Field(default=2e-5, gt=0, description="at its highest")
    warmup_ratio: float = Field(
        default=0.1, ge=0, lt=1, description="the share of the steps in which the rate rises"
    )
    weight_decay: float = Field(
        default=0.01, ge=0, description="how strongly AdamW draws weights to zero"
    )
    batch_size: int = Field(default=16, ge=2, description="examples in a step, on each device")
    mini_batch_size: int = Field(
        default=16, ge=1, description="examples computed at once with the cached loss"
    )
    negatives_per_example: int = Field(
        default=4,
        ge=1,
        description=(
            "negatives of the mined ones that stand beside a positive; which ones, the seed and "
            "the ids decide. Queries with fewer are left out and counted"
        ),
    )
    max_length: int | None = Field(
        default=None,
        ge=8,
        description=(
            "tokens of a text while training; default: encoding.query_max_length and "
            "passage_max_length, else the model's own limit"
        ),
    )
    temperature: float = Field(
        default=0.05, gt=0, description="cosines are divided by it before the softmax"
    )
    matryoshka_dimensions: tuple[int, ...] = Field(
        default=(),
        description=(
            "dimensions to which vectors are to be cut later without much loss, as in [256, 128]; "
            "default: none (Matryoshka representations, https://arxiv.org/abs/2205.13147)"
        ),
    )
    lora: LoraSettings | None = Field(
        default=None,
        description=(
            "train adapters instead of the whole model; they are merged into its weights at the end"
        ),
    )
    seed: int = Field(default=42, ge=0, description="of the order of examples, and of dropout")
    validation_share: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description=(
            "the share of the mined queries that is kept out of training, to see when it should "
            "stop. 0: training runs to its end"
        ),
    )
    early_stopping_patience: int = Field(
        default=3,
        ge=1,
        description=(
            "training stops when the loss of the validation part has not fallen for so many looks; "
            "the best weights are kept. There are about ten looks in an epoch"
        ),
    )
    checkpoint_steps: int | None = Field(
        default=None,
        ge=1,
        description=(
            "steps between two checkpoints, from which a killed run goes on, and between two looks "
            "at the validation part; default: a tenth of an epoch, 20 at least"
        ),
    )
    tensorboard: bool = Field(
        default=False,
        description=(
            "write event files for TensorBoard beside the model, in the folder `tensorboard`; "
            "needs the extra tensorboard"
        ),
    )
    min_improvement: float = Field(
        default=0.0,
        description=(
            "by how much the mean nDCG@10 of the evaluation split must at least have risen for a "
            "model to be promoted"
        ),
    )
    confidence: float = Field(
        default=0.95,
        gt=0.5,
        lt=1,
        description=(
            "a model is promoted if the interval of this confidence of the rise, paired over "
            "queries, lies above min_improvement, and the paired randomisation test finds a "
            "difference at this confidence, too"
        ),
    )
    max_rounds: int = Field(
        default=3,
        ge=1,
        description=(
            "rounds of mining, training and promotion on the same data; then nothing is trained "
            "until the data change"
        ),
    )

    @property
    def learns_from_teacher(self) -> bool:
        """Whether the loss needs the scores of a teacher."""
        return self.loss in DISTILLATION_LOSSES

    @model_validator(mode="after")
    def _check_trainer(self) -> Self:
        if self.trainer != "flagembedding":
            return self
        default = TrainingSettings.model_fields
        unknown = [
            name for name in ("loss", "lora") if getattr(self, name) != default[name].default
        ]
        if unknown:
            raise ValueError(
                f"training.{unknown[0]} is not known to FlagEmbedding's trainer: leave it out, or "
                f"set training.trainer to sentence_transformers"
            )
        return self
