"""What is reported of the vectors of a stage."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.precision_loss import PrecisionLoss


@dataclass(frozen=True)
class EncodingSpeed:
    """How a model encoded what had no vector yet.

    Attributes:
        batching_engine: What cut the batches: `hn_assets` or `FlagEmbedding`.
        linear_layers: What was done to the model's linear layers.
        attention: Whether texts were padded, and why.
        compile: Whether `torch.compile` was used.
        texts_per_second: The speed, without the time to load the model.
        tokens_per_second: The speed, special tokens counted and padding not.
        tokens: How many tokens were read.
        truncated_share: The share of the encoded texts whose end was not read.
        encoding_seconds: What computing took.
        waited_for_tokens_share: The share of these seconds in which nothing was tokenised yet to
            compute; measured.
        waited_for_writing_seconds: How long vectors waited for earlier ones to be written;
            measured.
        max_tokens_per_batch: The most tokens that were computed at once, padding counted. Less than
            was asked for, if the memory of a card ran out.
    """

    batching_engine: str
    linear_layers: str
    attention: str
    compile: str
    texts_per_second: float
    tokens_per_second: float
    tokens: int
    truncated_share: float
    encoding_seconds: float
    waited_for_tokens_share: float
    waited_for_writing_seconds: float
    max_tokens_per_batch: int

    @classmethod
    def of(cls, encoder: Encoder) -> "EncodingSpeed":
        """The figures of an encoder that has just encoded something."""
        stats = encoder.stats
        seconds = max(stats.seconds, 1e-9)
        device = encoder.device_report()
        return cls(
            batching_engine=encoder.batching_engine,
            linear_layers=device.linear_layers,
            attention=device.attention,
            compile=device.compile,
            texts_per_second=round(stats.texts / seconds, 1),
            tokens_per_second=round(stats.tokens / seconds, 1),
            tokens=stats.tokens,
            truncated_share=round(stats.truncated / max(stats.texts, 1), 4),
            encoding_seconds=round(stats.seconds, 2),
            waited_for_tokens_share=round(stats.waited_for_tokens / seconds, 4),
            waited_for_writing_seconds=round(stats.waited_for_writing, 2),
            max_tokens_per_batch=device.max_tokens or encoder.max_tokens_per_batch,
        )


@dataclass(frozen=True)
class EmbedReport:
    """What was encoded, and how.

    Attributes:
        texts: How many vectors the file holds.
        dimension: The dimension of the vectors.
        encoded: How many texts a model read just now.
        reused: How many texts had a vector from an earlier run.
        duplicates: How many texts share the vector of an equal text.
        removed: How many ids of the earlier run are no longer there.
        seconds_saved: What encoding the reused texts would have taken.
        norms: The norm of every vector; float32, shape (texts,).
        keys: The keys of the vectors in the cache.
        space_folder: The name of the cache's folder that holds the vectors.
        space: What must be equal for two vectors to be compared.
        model: Which model it is, its settings, device and precision.
        speed: How the model encoded; None if every vector was there.
        precision_loss: What a precision below float32 costs, of computing or of storage; None if
            both are float32.
    """

    texts: int
    dimension: int
    encoded: int
    reused: int
    duplicates: int
    removed: int
    seconds_saved: float
    norms: NDArray[np.float32]
    keys: list[bytes]
    space_folder: str
    space: dict[str, Any]
    model: dict[str, Any]
    speed: EncodingSpeed | None
    precision_loss: PrecisionLoss | None

    def manifest_info(self) -> dict[str, Any]:
        """What later stages and runs need to know of the vectors."""
        return {
            "space": self.space,
            "precision": self.model["precision"],
            "vectors_of": self.space_folder,
            "include_title": self.model["include_title"],
        }

    def figures(self) -> dict[str, Any]:
        """The figures of the stage's metadata, by name; the distribution of norms left out."""
        loss = self.precision_loss
        return {
            "dagster/row_count": self.texts,
            "shape": f"{self.texts} x {self.dimension}",
            "texts_encoded": self.encoded,
            "texts_reused": self.reused,
            "texts_equal_to_another": self.duplicates,
            "ids_removed": self.removed,
            "seconds_saved": self.seconds_saved,
            **self.model,
            **(_describe_loss(loss) if loss is not None else {}),
            **(asdict(self.speed) if self.speed is not None else {}),
        }


def _describe_loss(loss: PrecisionLoss) -> dict[str, Any]:
    return {
        "precision_cosine_to_float32_mean": loss.cosine_mean,
        "precision_cosine_to_float32_min": loss.cosine_min,
        "precision_overlap_with_float32": loss.overlap,
        "precision_measured_on": f"the {loss.neighbours} nearest of {loss.texts} texts",
    }
