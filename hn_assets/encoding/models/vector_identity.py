"""The space of a vector: all that it depends on beside its text."""

from typing import Any

from hn_assets.encoding.models.identity import ModelIdentity
from hn_assets.encoding.models.prompt import Kind
from hn_assets.settings.encoding import EncodingSettings

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
    usage, stored = identity.usage, settings.stored_precision
    return {
        "weights": identity.weights,
        "model_class": identity.model_class,
        "pooling": identity.pooling,
        "normalize": usage.normalize,
        "max_length": identity.max_length(kind),
        **usage.prompt(kind).space,
        "precision": precision,
        "encoder_version": ENCODER_VERSION,
        # What a model does not have is left out, so that models without it keep their vectors.
        **({"heads": [head.path for head in usage.heads]} if usage.heads else {}),
        **({"dimensions": usage.dimensions} if usage.dimensions is not None else {}),
        **({"lower_case": True} if usage.lower_case else {}),
        # Compiled code may compute in another order and precision than the model's own.
        **({"compiled": True} if compile else {}),
        **({"stored_precision": stored} if stored != "float32" else {}),
    }
