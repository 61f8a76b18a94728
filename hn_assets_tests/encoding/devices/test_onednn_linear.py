"""oneDNN's linear layers compute what the model's own do, or the model keeps its own."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hn_assets.encoding.devices import onednn_linear
from hn_assets.encoding.devices.device_model import DeviceModel, pool
from hn_assets.encoding.devices.onednn_linear import onednn_has_bfloat16, use_onednn_linear_layers
from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import LoadedModel, load_model
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.rounding import assert_vectors_differ_by_rounding_only
from hn_assets_tests.small_models import minilm_encoder

TEXTS = ["the heart pumps blood", "a much longer text about " + "many things " * 50, "short"]


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=1)


needs_bfloat16 = pytest.mark.skipif(
    not onednn_has_bfloat16(), reason="oneDNN has no bfloat16 on this CPU (AVX512 is needed)"
)


@needs_bfloat16
def test_onednn_layers_are_as_close_to_float32_as_the_models_own() -> None:
    def encode() -> tuple[np.ndarray, str]:
        model = load_model(EncodingSettings(), devices=["cpu"], precision="bfloat16")
        encoder = Encoder(model, devices=["cpu"])
        return encoder.encode(TEXTS, "passage"), encoder.device_report().linear_layers

    vectors, what = encode()
    assert what == "37 arranged once for oneDNN", "6 layers of 6, and the pooler's"
    model = load_model(EncodingSettings(), devices=["cpu"], precision="bfloat16")
    embedder: Any = model.embedder
    exact = minilm_encoder().encode(TEXTS, "passage")
    tokens = embedder.tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        hidden = embedder.model.eval()(**tokens).last_hidden_state
    own = torch.nn.functional.normalize(
        pool(hidden, tokens["attention_mask"], "mean").float(), dim=-1
    ).numpy()
    assert cosines(vectors, exact).min() > 0.999
    assert cosines(vectors, exact).min() > cosines(own, exact).min() - 5e-4


def load(folder: Path, precision: str) -> LoadedModel:
    settings = EncodingSettings(model=str(folder), pooling="mean")
    return load_model(settings, devices=["cpu"], precision=precision)


def test_float32_is_left_alone(model: Path) -> None:
    assert DeviceModel(load(model, "float32"), "cpu").report.linear_layers == "as loaded"


def test_if_onednn_has_no_bfloat16_the_models_own_layers_compute(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onednn_linear, "onednn_has_bfloat16", lambda: False)
    encoders = [
        Encoder(load(model, precision), devices=["cpu"]) for precision in ("bfloat16", "float32")
    ]
    assert (
        encoders[0].device_report().linear_layers == "as loaded: oneDNN has no bfloat16 on this CPU"
    )
    low, exact = (encoder.encode(TEXTS, "passage") for encoder in encoders)
    assert cosines(low, exact).min() > 0.999
    assert (low != exact).any()


def lacks_operator(layer: Any, *, fuse_gelu: bool) -> torch.nn.Module:
    raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_linear_pointwise'")


def computes_something_else(layer: Any, *, fuse_gelu: bool) -> torch.nn.Module:
    return torch.nn.Sequential(layer, torch.nn.ReLU(), torch.nn.Threshold(9.0, 9.0))


@pytest.mark.parametrize(
    ("operators", "reason"),
    [
        (lacks_operator, r"cannot be used \(.*no attribute '_linear_pointwise'\)"),
        (computes_something_else, "compute something else"),
    ],
)
def test_if_the_private_operators_have_changed_the_models_own_layers_compute(
    model: Path, monkeypatch: pytest.MonkeyPatch, operators: Any, reason: str
) -> None:
    monkeypatch.setattr(onednn_linear, "onednn_has_bfloat16", lambda: False)
    own = Encoder(load(model, "bfloat16"), devices=["cpu"]).encode(TEXTS, "passage")
    monkeypatch.setattr(onednn_linear, "onednn_has_bfloat16", lambda: True)
    monkeypatch.setattr(onednn_linear, "_onednn_linear", operators)
    encoder = Encoder(load(model, "bfloat16"), devices=["cpu"])
    assert re.match(
        f"as loaded: this PyTorch's oneDNN operators {reason}",
        encoder.device_report().linear_layers,
    )
    assert cosines(encoder.encode(TEXTS, "passage"), own).min() > 0.9999


def test_a_pytorch_without_the_probe_for_bfloat16_keeps_the_models_own_layers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", object())
    assert not onednn_has_bfloat16()


@needs_bfloat16
def test_only_plain_bfloat16_layers_are_replaced() -> None:
    class Own(torch.nn.Linear):
        pass

    layers = torch.nn.Sequential(
        torch.nn.Linear(4, 4, dtype=torch.bfloat16),
        Own(4, 4, dtype=torch.bfloat16),
        torch.nn.Linear(4, 4, bias=False, dtype=torch.bfloat16),
        torch.nn.Linear(4, 4),
    )
    given = torch.ones(2, 4, dtype=torch.bfloat16)
    with torch.no_grad():
        expected = [layers[i](given) for i in range(3)]
        assert use_onednn_linear_layers(layers) == "2 arranged once for oneDNN"
        for i in range(3):
            torch.testing.assert_close(layers[i](given), expected[i])
    kept = [isinstance(layer, torch.nn.Linear) for layer in layers]
    assert kept == [False, True, False, True]


@pytest.mark.soak
def test_compiled_vectors_are_those_of_the_model(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, real = [], torch.compile
    monkeypatch.setattr(torch, "compile", lambda m, **o: calls.append(o) or real(m, **o))
    loaded = load(model, "float32")
    plain = Encoder(loaded, devices=["cpu"]).encode(TEXTS, "passage")
    encoder = Encoder(loaded, devices=["cpu"], compile=True)
    compiled = encoder.encode(TEXTS, "passage")
    assert calls == [{"dynamic": True}]
    assert encoder.device_report().compile == "used, as asked for"
    assert_vectors_differ_by_rounding_only(compiled, plain)
