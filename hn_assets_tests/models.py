"""Small models that tests make themselves, and the embedded one."""

from functools import lru_cache
from pathlib import Path

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.loading import LoadedModel, embedded_model_folder, load_model
from hn_assets.encoding.settings import EncodingSettings


@lru_cache
def minilm(precision: str = "float32") -> LoadedModel:
    """all-MiniLM-L6-v2, loaded once per test run."""
    return load_model(EncodingSettings(), devices=["cpu"], precision=precision)


def minilm_encoder(**options) -> Encoder:
    """An encoder of its own (so with counters of its own) over the shared model."""
    return Encoder(minilm(), devices=["cpu"], **options)


def make_tiny_bert(folder: Path, *, dimension: int = 32, seed: int = 0) -> Path:
    """A two-layer BERT with random weights and MiniLM's tokenizer, saved to `folder`."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=dimension,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * dimension,
    )
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(embedded_model_folder()).save_pretrained(folder)
    return folder
