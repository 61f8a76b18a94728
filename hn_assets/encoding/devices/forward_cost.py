"""How many operations a model's forward pass needs, reckoned from its configuration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Kinds of models by the form of their layers, as `model_type` of a configuration names them.
PLAIN = {"bert", "camembert", "electra", "mpnet", "roberta", "xlm-roberta"}
GATED = {"gemma", "gemma2", "llama", "mistral", "phi3", "qwen2", "qwen3"}


@dataclass(frozen=True)
class ForwardCost:
    """The operations of a forward pass, a multiplication and an addition counted as two.

    Counted are the matrix products of all layers for the tokens of the texts. Padding is not, nor
    what an attention saves that only looks back.

    Attributes:
        per_token: What a token costs in the linear layers; 0 if the model's form is not known.
        per_pair: What a token costs in attention for each token of its text.
    """

    per_token: float = 0.0
    per_pair: float = 0.0

    def of(self, lengths: Sequence[int] | NDArray[np.int64]) -> float:
        """The operations for texts of these lengths in tokens."""
        tokens = np.asarray(lengths, np.float64)
        return self.per_token * float(tokens.sum()) + self.per_pair * float((tokens**2).sum())


def forward_cost(config: Any) -> ForwardCost:
    """The cost of the model of a configuration of transformers; zeros for an unknown kind."""
    kind = getattr(config, "model_type", "")
    if kind not in PLAIN | GATED:
        return ForwardCost()
    hidden, inner = config.hidden_size, config.intermediate_size
    heads = config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or hidden // heads
    groups = getattr(config, "num_key_value_heads", None) or heads
    attention = 2 * hidden * head_size * (heads + groups)
    weights = attention + (3 if kind in GATED else 2) * hidden * inner
    layers = config.num_hidden_layers
    return ForwardCost(2.0 * layers * weights, 4.0 * layers * heads * head_size)
