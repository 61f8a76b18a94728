"""Load a network with its tokenizer: plain encoders by transformers, others by FlagEmbedding."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hn_assets.encoding.devices.arithmetic import weights_dtype
from hn_assets.encoding.models.identity import ModelIdentity

if TYPE_CHECKING:
    from FlagEmbedding.abc.inference import AbsEmbedder

PLAIN = "encoder-only-base"  # FlagEmbedding's name of its class for them


@dataclass
class PlainEncoder:
    """An encoder whose last hidden states are pooled; its batches are cut and computed here.

    Attributes:
        model: The network, as FlagEmbedding's `FlagModel` loads it.
        tokenizer: Its tokenizer, a fast one.
    """

    model: Any
    tokenizer: Any


def load_embedder(
    folder: str,
    identity: ModelIdentity,
    *,
    devices: list[str],
    precision: str,
    trust_remote_code: bool,
) -> "PlainEncoder | AbsEmbedder":
    """Load the model `identity`, of which `folder` holds the files.

    Args:
        folder: Where its files are.
        identity: From `identify_model`.
        devices: The torch devices that FlagEmbedding computes on, if it drives the model.
        precision: float32, tf32, bfloat16 or float16.
        trust_remote_code: Whether code that the model brings along may run.
    """
    model_class = identity.model_class or _class_known_as(identity.location)
    if model_class == PLAIN:
        plain = _load_plain_encoder(folder, precision, trust_remote_code)
        if plain is not None:
            return plain
    from FlagEmbedding import FlagAutoModel

    usage = identity.usage
    return FlagAutoModel.from_finetuned(
        folder,
        model_class=model_class,
        normalize_embeddings=usage.normalize,
        use_fp16=precision == "float16",
        use_bf16=precision == "bfloat16",
        query_instruction_for_retrieval=usage.query_prompt.instruction or None,
        query_instruction_format=usage.query_prompt.pattern,
        devices=devices,
        pooling_method=identity.pooling,
        trust_remote_code=trust_remote_code,
        query_max_length=identity.query_max_length,
        passage_max_length=identity.passage_max_length,
        truncate_dim=usage.dimensions,
    )


def _load_plain_encoder(
    folder: str, precision: str, trust_remote_code: bool
) -> PlainEncoder | None:
    """The encoder; None if its tokenizer is a slow one, with which FlagEmbedding's loop encodes."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    if not tokenizer.is_fast:
        return None
    model = AutoModel.from_pretrained(
        folder, trust_remote_code=trust_remote_code, dtype=weights_dtype(precision)
    )
    return PlainEncoder(model, tokenizer)


def _class_known_as(location: str) -> str:
    """FlagEmbedding's class for a name it knows, which the folder of a hub's commit lacks."""
    from FlagEmbedding.inference.embedder import model_mapping

    by_name: Any = model_mapping.AUTO_EMBEDDER_MAPPING
    known = by_name[Path(location).name]
    classes: Any = model_mapping.EMBEDDER_CLASS_MAPPING
    return next(name.value for name, kind in classes.items() if kind is known.model_class)
