"""Attention within texts of one length gives each token what it gets in its text alone."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from hn_assets.encoding.batches.batching import cut_batches
from hn_assets.encoding.devices import batched_attention
from hn_assets.encoding.devices.batched_attention import attend_by_length
from hn_assets.encoding.devices.device_model import DeviceModel
from hn_assets.encoding.devices.onednn_linear import onednn_has_bfloat16
from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import load_model
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.small_models import minilm

needs_bfloat16 = pytest.mark.skipif(
    not onednn_has_bfloat16(), reason="oneDNN has no bfloat16 on this CPU (AVX512 is needed)"
)
LENGTHS = [9, 9, 9, 4, 4, 1, 6, 9, 1, 1]
ENDS = [0, *np.cumsum(LENGTHS).tolist()]
HEADS, SIZE, SCALING = 3, 8, 0.3


@pytest.mark.parametrize("most_scores", [1, 2 * HEADS * 81, 10**6])
@pytest.mark.parametrize("longest", [5, 100])
def test_each_token_attends_to_its_own_text(
    most_scores: int, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_attention, "MOST_SCORES", most_scores)
    monkeypatch.setattr(batched_attention, "LONGEST", longest)
    torch.manual_seed(0)
    # as a model has them: the heads of a token side by side
    query, key, value = (torch.randn(ENDS[-1], HEADS, SIZE).transpose(0, 1) for _ in range(3))
    found = attend_by_length(query, key, value, ENDS, SCALING)
    assert found.shape == (ENDS[-1], HEADS, SIZE)
    for start, end in itertools.pairwise(ENDS):
        alone = torch.nn.functional.scaled_dot_product_attention(
            query[:, start:end], key[:, start:end], value[:, start:end], scale=SCALING
        )
        torch.testing.assert_close(found[start:end], alone.transpose(0, 1))


@needs_bfloat16
def test_in_bfloat16_a_cpu_takes_texts_without_padding() -> None:
    device = DeviceModel(minilm("bfloat16"), "cpu")
    assert device.report.layout == "runs_of_length", device.report.attention
    texts = [np.random.default_rng(n).integers(1000, 9000, n).astype(np.int32) for n in LENGTHS]
    batches = cut_batches(
        texts, max_length=256, max_tokens_per_batch=20, pad=0, layout=device.report.layout
    )
    assert len(batches) > 2
    padded = cut_batches(texts, max_length=256, max_tokens_per_batch=20, pad=0)
    exact = DeviceModel(minilm(), "cpu")
    for found in (vectors(device, batches), vectors(device, padded)):
        assert (found * vectors(exact, padded)).sum(axis=1).min() > 0.999


@needs_bfloat16
def test_the_order_of_texts_changes_vectors_by_rounding_only(model: Path) -> None:
    settings = EncodingSettings(model=str(model), pooling="mean")
    loaded = load_model(settings, devices=["cpu"], precision="bfloat16")
    encoder = Encoder(loaded, devices=["cpu"], max_tokens_per_batch=64)
    assert encoder.device_report().layout == "runs_of_length"
    texts = [" ".join(["lion", "river", "honey"][: 1 + n % 3] * (1 + n % 5)) for n in range(40)]
    forward = encoder.encode(texts, "passage")
    backward = encoder.encode(texts[::-1], "passage")[::-1]
    assert (forward * backward).sum(axis=1).min() > 0.9999


def vectors(device: DeviceModel, batches: list) -> np.ndarray:
    found = np.empty((len(LENGTHS), 384), np.float32)
    for batch, computed in device.compute(batches):
        found[batch.rows] = computed
    return found
