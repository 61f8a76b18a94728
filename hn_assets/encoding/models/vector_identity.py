"""The space of a vector: all that it depends on beside its text."""

from typing import Any, Literal

from hn_assets.encoding.models.model import ModelIdentity
from hn_assets.settings.encoding import EncodingSettings

Kind = Literal["query", "passage"]

ENCODER_VERSION = 1  # to be raised when the same text and model would give another vector


def describe_space(
    identity: ModelIdentity,
    settings: EncodingSettings,
    precision: str,
    kind: Kind,
    *,
    compile: bool = False,
) -> dict[str, Any]:
    """All that a vector depends on beside its text; the title is part of the text.

    Not the device, the batches and what else changes vectors by rounding alone.
    """
    instruction, pattern = settings.instruction_for(kind)
    stored = settings.stored_precision
    return {
        "weights": identity.weights,
        "model_class": identity.model_class,
        "pooling": identity.pooling,
        "normalize": settings.normalize,
        "max_length": identity.query_max_length if kind == "query" else identity.passage_max_length,
        "instruction": instruction,
        "instruction_format": pattern if instruction else "",
        "precision": precision,
        "encoder_version": ENCODER_VERSION,
        # Compiled code may compute in another order and precision than the model's own.
        **({"compiled": True} if compile else {}),
        **({"stored_precision": stored} if stored != "float32" else {}),
    }
