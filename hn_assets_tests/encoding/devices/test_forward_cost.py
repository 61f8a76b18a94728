"""What a forward pass costs is what PyTorch counts of it."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModel,
    BertConfig,
    DistilBertConfig,
    Gemma2Config,
    LlamaConfig,
    Qwen3Config,
    XLMRobertaConfig,
)

from hn_assets.encoding.devices.forward_cost import forward_cost

SIZES: dict[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
}
FEWER_KEYS = {**SIZES, "num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0}


@pytest.mark.parametrize(
    "config",
    [
        BertConfig(**SIZES),
        XLMRobertaConfig(**SIZES),
        LlamaConfig(**FEWER_KEYS),
        Qwen3Config(**FEWER_KEYS),
        Gemma2Config(**FEWER_KEYS),
    ],
    ids=lambda config: config.model_type,
)
def test_the_cost_is_what_pytorch_counts(config: Any) -> None:
    config._attn_implementation = "eager"
    model = AutoModel.from_config(config).eval()
    if hasattr(model, "pooler"):
        model.pooler = None  # it reads one token of each text, and nothing here uses it
    texts, length = 2, 7
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(input_ids=torch.randint(1, 100, (texts, length)))
    counted = counter.get_total_flops()
    assert forward_cost(config).of([length] * texts) == pytest.approx(counted, rel=0.01)


def test_a_model_of_another_form_has_no_known_cost() -> None:
    assert forward_cost(DistilBertConfig()).of([10]) == 0
