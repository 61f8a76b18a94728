"""Whether FlagEmbedding knows a model by its name, asked without importing it."""

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Literal

Kind = Literal["embedder", "reranker"]


def may_be_known(name: str, kind: Kind) -> bool:
    """Whether FlagEmbedding may know a model by this name; if not, it certainly does not.

    Its list of names is searched as text. To import it is to import FlagEmbedding's trainers and
    the datasets library as well, which is a second and 100 MiB for each process that encodes.

    Args:
        name: The last part of the model's folder or hub name.
        kind: What the model is to be.

    >>> may_be_known("bge-m3", "embedder"), may_be_known("my-model", "embedder")
    (True, False)
    """
    text = _names(kind)
    return text is None or any(f"{quote}{name}{quote}" in text for quote in "\"'")


@lru_cache
def _names(kind: Kind) -> str | None:
    """The text of the module with the names; None if it is not where 1.4 has it."""
    spec = importlib.util.find_spec("FlagEmbedding")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "inference" / kind / "model_mapping.py"
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
