"""Packed layers compute what the model's own do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hn_assets.encoding.devices import onednn_linear as packing
from hn_assets.encoding.devices.device_model import DeviceModel
from hn_assets.encoding.devices.onednn_linear import onednn_has_bfloat16, pack_linear_layers
from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.model import load_model
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.small_models import make_tiny_bert, minilm_encoder

TEXTS = ["the heart pumps blood", "a much longer text about " + "many things " * 50, "short"]


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=1)


packs = pytest.mark.skipif(
    not onednn_has_bfloat16(), reason="oneDNN has no bfloat16 on this CPU (AVX512 is needed)"
)


@packs
def test_packed_layers_are_as_close_to_float32_as_the_models_own() -> None:
    def encode() -> tuple[np.ndarray, str]:
        model = load_model(EncodingSettings(), devices=["cpu"], precision="bfloat16")
        encoder = Encoder(model, devices=["cpu"])
        return encoder.encode(TEXTS, "passage"), encoder.layers()

    packed, what = encode()
    assert what == "37 laid out once for oneDNN", "6 layers of 6, and the pooler's"
    model = load_model(EncodingSettings(), devices=["cpu"], precision="bfloat16")
    embedder: Any = model.embedder
    exact = minilm_encoder().encode(TEXTS, "passage")
    tokens = embedder.tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        hidden = embedder.model.eval()(**tokens).last_hidden_state
    own = torch.nn.functional.normalize(
        embedder.pooling(hidden, tokens["attention_mask"]).float(), dim=-1
    ).numpy()
    assert cosines(packed, exact).min() > 0.999
    assert cosines(packed, exact).min() > cosines(own, exact).min() - 5e-4


def test_float32_is_left_alone(tmp_path: Path) -> None:
    settings = EncodingSettings(model=str(make_tiny_bert(tmp_path)), pooling="mean")
    model = load_model(settings, devices=["cpu"], precision="float32")
    assert DeviceModel(model, "cpu").layers == "as loaded"


def test_where_onednn_has_no_bfloat16_the_models_own_layers_compute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "onednn_has_bfloat16", lambda: False)
    settings = EncodingSettings(model=str(make_tiny_bert(tmp_path)), pooling="mean")
    encoders = [
        Encoder(load_model(settings, devices=["cpu"], precision=precision), devices=["cpu"])
        for precision in ("bfloat16", "float32")
    ]
    assert encoders[0].layers() == "as loaded: oneDNN has no bfloat16 on this CPU"
    low, exact = (encoder.encode(TEXTS, "passage") for encoder in encoders)
    assert cosines(low, exact).min() > 0.999
    assert (low != exact).any()


@packs
def test_only_plain_bfloat16_layers_are_replaced() -> None:
    class Own(torch.nn.Linear):
        pass

    network = torch.nn.Sequential(
        torch.nn.Linear(4, 4, dtype=torch.bfloat16),
        Own(4, 4, dtype=torch.bfloat16),
        torch.nn.Linear(4, 4, bias=False, dtype=torch.bfloat16),
        torch.nn.Linear(4, 4),
    )
    given = torch.ones(2, 4, dtype=torch.bfloat16)
    with torch.no_grad():
        expected = [network[i](given) for i in range(3)]
        assert pack_linear_layers(network) == "2 laid out once for oneDNN"
        for i in range(3):
            torch.testing.assert_close(network[i](given), expected[i])
    kept = [isinstance(layer, torch.nn.Linear) for layer in network]
    assert kept == [False, True, False, True]


def test_compiled_vectors_are_those_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, real = [], torch.compile
    monkeypatch.setattr(torch, "compile", lambda m, **o: calls.append(o) or real(m, **o))
    settings = EncodingSettings(model=str(make_tiny_bert(tmp_path)), pooling="mean")
    model = load_model(settings, devices=["cpu"], precision="float32")
    plain = Encoder(model, devices=["cpu"]).encode(TEXTS, "passage")
    encoder = Encoder(model, devices=["cpu"], compile="always")
    compiled = encoder.encode(TEXTS, "passage")
    assert calls == [{"dynamic": True}]
    assert encoder.trial.outcome == "used, as asked for"
    np.testing.assert_allclose(compiled, plain, atol=1e-5)
