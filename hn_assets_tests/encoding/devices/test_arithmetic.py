"""float32 is multiplied in TF32 if that is asked for, and exactly whatever else was switched on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import load_model
from hn_assets.reranking.model import identify_reranker, load_on_device
from hn_assets.reranking.reranker import Reranker
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.settings.teacher import TeacherSettings


@pytest.fixture(params=["highest", "high"])
def before(request: pytest.FixtureRequest) -> Iterator[str]:
    """How the process multiplies float32, as whoever runs it has set it."""
    torch.set_float32_matmul_precision(request.param)
    yield request.param
    torch.set_float32_matmul_precision("highest")


def watch(module: torch.nn.Module) -> list[str]:
    """How float32 is multiplied in each forward pass of a module."""
    seen: list[str] = []
    module.register_forward_pre_hook(lambda *_: seen.append(torch.get_float32_matmul_precision()))
    return seen


@pytest.mark.parametrize(("precision", "expected"), [("tf32", "high"), ("float32", "highest")])
@pytest.mark.parametrize("model_class", ["encoder-only-base", "decoder-only-base"])
def test_an_encoder_multiplies_as_its_precision_says(
    model: Path, before: str, precision: str, expected: str, model_class: Any
) -> None:
    pooling: Any = "mean" if model_class == "encoder-only-base" else "last_token"
    settings = EncodingSettings(model=str(model), pooling=pooling, model_class=model_class)
    loaded = load_model(settings, devices=["cpu"], precision=precision)
    module: Any = loaded.embedder.model
    seen = watch(module)
    assert Encoder(loaded, devices=["cpu"]).encode(["a text"], "passage").shape == (1, 32)
    assert next(module.parameters()).dtype == torch.float32
    assert set(seen) == {expected}
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize(("precision", "expected"), [("tf32", "high"), ("float32", "highest")])
def test_a_reranker_multiplies_as_its_precision_says(
    teacher_folder: Path, before: str, precision: str, expected: str
) -> None:
    settings = TeacherSettings(model=str(teacher_folder))
    identity = identify_reranker(settings)
    computer: Any = load_on_device(
        "cpu", identity=identity, settings=settings, precision=precision, batch_size=4
    )
    seen = watch(computer._model)
    reranker = Reranker(identity, settings, devices=["cpu"], precision=precision)
    reranker._workers = type(reranker._workers)(lambda: computer)  # type: ignore[call-arg]
    assert reranker.score([("a query", "a passage")]).shape == (1,)
    assert set(seen) == {expected}
    assert torch.get_float32_matmul_precision() == before
