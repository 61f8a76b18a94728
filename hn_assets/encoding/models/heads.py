"""The modules behind a model's pooling, as sentence-transformers computes them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hn_assets.encoding.models.own_files import Head

if TYPE_CHECKING:
    from torch import nn


def load_modules(
    folder: str, heads: Sequence[Head], *, trust_remote_code: bool
) -> "list[nn.Module]":
    """The modules as sentence-transformers has them, in float32, on the CPU.

    Args:
        folder: The folder of the model.
        heads: Which modules they are.
        trust_remote_code: Whether an activation function that the model brings along may run.
    """
    if not heads:
        return []
    from sentence_transformers.base.modules.dense import Dense
    from sentence_transformers.base.modules.normalize import Normalize
    from sentence_transformers.sentence_transformer.modules.layer_norm import LayerNorm

    classes: dict[str, Any] = {"Dense": Dense, "LayerNorm": LayerNorm, "Normalize": Normalize}
    return [
        classes[head.kind]
        .load(folder, subfolder=head.path, trust_remote_code=trust_remote_code)
        .float()
        for head in heads
    ]


def load_heads(folder: str, heads: Sequence[Head], *, trust_remote_code: bool) -> "nn.Sequential":
    """The modules as one that takes vectors and gives vectors; see `load_modules`."""
    from torch import nn

    class OfVectors(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

        def forward(self, vectors: Any) -> Any:
            return self.module({"sentence_embedding": vectors})["sentence_embedding"]

    modules = load_modules(folder, heads, trust_remote_code=trust_remote_code)
    return nn.Sequential(*map(OfVectors, modules)).eval()
