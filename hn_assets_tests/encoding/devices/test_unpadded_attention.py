"""Texts laid end to end get the vectors that padded ones get."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hn_assets.encoding.batches.batching import cut_batches
from hn_assets.encoding.devices import unpadded_attention
from hn_assets.encoding.devices.device_model import DeviceModel
from hn_assets.encoding.devices.unpadded_attention import try_unpadded
from hn_assets.encoding.models.model import LoadedModel, load_model
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.rounding import assert_vectors_differ_by_rounding_only
from hn_assets_tests.small_models import minilm

LENGTHS = [7, 1, 30, 12, 2, 64, 9]
RNG = np.random.default_rng(0)
TEXTS = [RNG.integers(5, 900, length).astype(np.int32) for length in LENGTHS]


def small(kind: str) -> Any:
    """A model with random weights, whose output depends on positions."""
    import transformers

    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "vocab_size": 1000,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "initializer_range": 0.5,
    }
    if kind == "bert":
        return transformers.BertModel(transformers.BertConfig(**sizes)).eval()
    if kind == "roberta":
        config = transformers.RobertaConfig(**sizes, pad_token_id=1)
        return transformers.RobertaModel(config).eval()
    config = transformers.DistilBertConfig(
        vocab_size=1000, dim=32, n_layers=2, n_heads=2, hidden_dim=64
    )
    return transformers.DistilBertModel(config).eval()


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_every_text_has_the_hidden_states_that_it_has_alone(kind: str) -> None:
    model = small(kind)
    unpadded, reason = try_unpadded(model, "cpu")
    assert unpadded is not None, reason
    with torch.no_grad():
        hidden, limits = unpadded.forward(np.concatenate(TEXTS), np.array(LENGTHS))
        assert limits.tolist() == [0, *np.cumsum(LENGTHS)]
        for text, start, end in zip(TEXTS, limits, limits[1:], strict=False):
            alone = model(input_ids=torch.from_numpy(text).long()[None]).last_hidden_state[0]
            torch.testing.assert_close(hidden[start:end], alone, atol=1e-4, rtol=1e-4)
        # and the model's own way still works
        whole = model(input_ids=torch.from_numpy(TEXTS[5]).long()[None]).last_hidden_state
    assert whole.shape == (1, 64, 32)


@pytest.mark.parametrize("pooling", ["cls", "mean", "last_token"])
def test_vectors_are_those_of_padded_batches(model: Path, pooling: Any) -> None:
    settings = EncodingSettings(model=str(model), pooling=pooling)
    loaded = load_model(settings, devices=["cpu"], precision="float32")
    assert_vectors_differ_by_rounding_only(laid_out(loaded), padded(loaded))


def test_vectors_of_minilm_are_those_of_padded_batches() -> None:
    assert_vectors_differ_by_rounding_only(laid_out(minilm()), padded(minilm()))


def test_a_model_that_is_not_known_to_work_is_padded() -> None:
    unpadded, reason = try_unpadded(small("distilbert"), "cpu")
    assert unpadded is None
    assert reason == "padded: models of type distilbert are not known to work without padding"


def test_a_model_that_computes_something_else_is_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    # as if its positions did not begin where we think
    monkeypatch.setitem(unpadded_attention.BEGINS_AFTER_PADDING, "roberta", False)
    unpadded, reason = try_unpadded(small("roberta"), "cpu")
    assert unpadded is None
    assert reason == "padded: without padding this model computes something else"


def test_a_model_whose_attention_fails_is_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("no kernel image\nfor this card")

    monkeypatch.setattr(unpadded_attention, "_attend", refuse)
    unpadded, reason = try_unpadded(small("bert"), "cpu")
    assert unpadded is None
    assert "cannot be used here (no kernel image)" in reason


def padded(model: LoadedModel) -> np.ndarray:
    batches = cut_batches(TEXTS, max_length=64, max_tokens_per_batch=128, pad=0)
    return stack(DeviceModel(model, "cpu").compute(batches))


def laid_out(model: LoadedModel) -> np.ndarray:
    """What a card computes, as the CPU can try it."""
    device = DeviceModel(model, "cpu")
    device._use_unpadded_attention("end_to_end")
    assert device.report.layout == "end_to_end", device.report.attention
    batches = cut_batches(
        TEXTS, max_length=64, max_tokens_per_batch=70, pad=0, layout=device.report.layout
    )
    assert len(batches) > 1
    assert all(batch.is_end_to_end and not batch.is_padded for batch in batches)
    return stack(device.compute(batches))


def stack(computed: Any) -> np.ndarray:
    rows = {row: v for batch, out in computed for row, v in zip(batch.rows, out, strict=True)}
    return np.stack([rows[i] for i in range(len(TEXTS))])
