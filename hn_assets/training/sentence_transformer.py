"""A model as sentence-transformers has it: with the pooling that it is encoded with."""

from pathlib import Path
from typing import Any

POOLING_MODES = {"cls": "cls", "mean": "mean", "last_token": "lasttoken"}


def open_model(
    folder: str, pooling: str, *, normalize: bool, max_length: int, trust_remote_code: bool
) -> Any:
    """The `SentenceTransformer` that gives the vectors that the encoder gives.

    It is put together from its parts, since a folder need not say how its model pools, and the
    settings may say otherwise.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules.normalize import Normalize
    from sentence_transformers.base.modules.transformer import Transformer
    from sentence_transformers.sentence_transformer.modules.pooling import Pooling

    code = {"trust_remote_code": trust_remote_code}
    transformer = Transformer(
        folder, max_seq_length=max_length, model_kwargs=code, config_kwargs=code
    )
    pool = Pooling(transformer.get_embedding_dimension(), POOLING_MODES[pooling])  # type: ignore[arg-type]
    modules: list[Any] = [transformer, pool, *([Normalize()] if normalize else [])]
    return SentenceTransformer(modules=modules, device="cpu")


def save_model(model: Any, folder: Path, max_length: int) -> None:
    """Save a model so that sentence-transformers, FlagEmbedding and transformers can load it."""
    model.max_seq_length = max_length
    model[0].query_length = model[0].document_length = None  # those of training
    model.save_pretrained(str(folder), create_model_card=False)
