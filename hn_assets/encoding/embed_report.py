"""What is reported of the vectors of a stage."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
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
        max_tokens_per_batch: The most tokens that were computed at once, padding counted. Less than
            was asked for, if the memory of a card ran out.
        encoding_seconds: What computing took.
        texts_per_second: The speed, without the time to load the model.
        truncated_share: The share of the encoded texts whose end was not read.
        computing: The tokens, the operations, the card, and what the devices waited for, by name.
    """

    batching_engine: str
    linear_layers: str
    attention: str
    compile: str
    max_tokens_per_batch: int
    encoding_seconds: float
    texts_per_second: float
    truncated_share: float
    computing: dict[str, Any]

    @classmethod
    def of(cls, encoder: Encoder) -> "EncodingSpeed":
        """The figures of an encoder that has just encoded something."""
        stats, reports = encoder.stats, encoder.device_reports()
        halved_to = [report.max_tokens for report in reports if report.max_tokens is not None]
        return cls(
            batching_engine=encoder.batching_engine,
            linear_layers=reports[0].linear_layers,
            attention=reports[0].attention,
            compile=reports[0].compile,
            max_tokens_per_batch=min([encoder.max_tokens_per_batch, *halved_to]),
            encoding_seconds=round(stats.seconds, 2),
            texts_per_second=round(stats.texts / max(stats.seconds, 1e-9), 1),
            truncated_share=round(stats.truncated / max(stats.texts, 1), 4),
            computing=stats.figures(reports, encoder.model.precision),
        )

    def figures(self) -> dict[str, Any]:
        """All of it by name."""
        own = asdict(self)
        return {**own, **own.pop("computing")}


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
        usage: How a text becomes a vector, step by step, and which setting or file says so.
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
    keys: pa.FixedSizeBinaryArray
    space_folder: str
    space: dict[str, Any]
    model: dict[str, Any]
    usage: list[dict[str, Any]]
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
            **(self.speed.figures() if self.speed is not None else {}),
        }


def _describe_loss(loss: PrecisionLoss) -> dict[str, Any]:
    return {
        "precision_cosine_to_float32_mean": loss.cosine_mean,
        "precision_cosine_to_float32_min": loss.cosine_min,
        "precision_overlap_with_float32": loss.overlap,
        "precision_measured_on": f"the {loss.neighbours} nearest of {loss.texts} texts",
    }
