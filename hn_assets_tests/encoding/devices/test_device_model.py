"""A device whose memory runs out, or that cannot compile, goes on or says what to do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hn_assets.encoding.batches.batching import Batch, cut_batches
from hn_assets.encoding.devices.device_model import DeviceModel
from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import LoadedModel, load_model
from hn_assets.errors import ModelError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.rounding import assert_vectors_differ_by_rounding_only

TEXTS = ["word " * (1 + i % 40) for i in range(120)]


@pytest.fixture
def tiny(model: Path) -> LoadedModel:
    settings = EncodingSettings(model=str(model), pooling="mean")
    return load_model(settings, devices=["cpu"], precision="float32")


@pytest.fixture
def little_memory(tiny: LoadedModel) -> Iterator[list[int]]:
    """Memory for 300 tokens at once; the sizes that were tried."""
    module: Any = tiny.embedder.model
    tried: list[int] = []

    def check(_: Any, __: Any, arguments: dict[str, Any]) -> None:
        tried.append(arguments["input_ids"].numel())
        if tried[-1] > 300:
            raise torch.OutOfMemoryError("CUDA out of memory")

    hook = module.register_forward_pre_hook(check, with_kwargs=True)
    yield tried
    hook.remove()


def test_batches_are_halved_until_they_fit_and_stay_so(
    tiny: LoadedModel, little_memory: list[int]
) -> None:
    encoder = Encoder(tiny, devices=["cpu"], max_tokens_per_batch=1000)
    vectors = encoder.encode(TEXTS, "passage")
    too_large = [size for size in little_memory if size > 300]
    assert 0 < len(too_large) < 6, "what did not fit is not tried again and again"
    assert encoder.device_report().max_tokens is not None
    roomy = Encoder(tiny, devices=["cpu"], max_tokens_per_batch=200).encode(TEXTS, "passage")
    assert_vectors_differ_by_rounding_only(vectors, roomy)


def test_a_single_text_that_does_not_fit_is_an_error_that_says_what_to_do(
    tiny: LoadedModel, little_memory: list[int]
) -> None:
    with pytest.raises(ModelError, match=r"single text of 5\d\d tokens: lower encoding"):
        Encoder(tiny, devices=["cpu"]).encode(["word " * 600], "passage")


def test_texts_laid_end_to_end_for_other_devices_are_padded(tiny: LoadedModel) -> None:
    ids = [np.arange(10, 10 + length, dtype=np.int32) for length in (5, 12, 1, 7)]
    (laid,) = cut_batches(ids, max_length=64, max_tokens_per_batch=100, pad=0, layout="end_to_end")
    device = DeviceModel(tiny, "cpu")
    ((_, vectors),) = device.compute([laid])
    for row, tokens in enumerate(ids):
        alone = Batch([0], tokens[None, :], np.array([len(tokens)], np.int64))
        ((_, expected),) = device.compute([alone])
        np.testing.assert_allclose(vectors[row], expected[0], atol=1e-6)


def test_a_model_that_cannot_be_compiled_runs_without(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(module: Any, **_: Any) -> Any:
        def call(*_: Any, **__: Any) -> None:
            raise RuntimeError("Failed to find C compiler. Please specify via CC\nmore")

        return call

    monkeypatch.setattr(torch, "compile", fails)
    encoder = Encoder(tiny, devices=["cpu"], compile=True)
    vectors = encoder.encode(TEXTS, "passage")
    assert encoder.device_report().compile == (
        "failed, and given up: RuntimeError: Failed to find C compiler. Please specify via CC"
    )
    monkeypatch.undo()
    plain = Encoder(tiny, devices=["cpu"]).encode(TEXTS, "passage")
    assert np.array_equal(vectors, plain)
