"""What a lower precision costs is measured once, and is kept beside the vectors."""

from pathlib import Path

import numpy as np
import pytest

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.precision_loss import compare, measure_precision_loss
from hn_assets.encoding.vectors.vector_cache import VectorCache, text_key
from hn_assets_tests.small_models import minilm, minilm_encoder

TEXTS = [f"text number {i} of a small corpus" for i in range(40)]
SPACE = {"weights": "sha256:1"}


def never() -> Encoder:
    raise AssertionError("nothing was to be encoded")


def test_the_loss_of_a_precision_is_measured_once(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, SPACE)
    half = Encoder(minilm("bfloat16"), devices=["cpu"]).encode(TEXTS, "passage")
    cache.add([text_key(text) for text in TEXTS], half)
    loss = measure_precision_loss(cache, lambda: TEXTS, "passage", minilm_encoder)
    assert loss is not None
    expected = compare(half, minilm_encoder().encode(TEXTS, "passage"))
    assert loss.cosine_mean == pytest.approx(expected.cosine_mean, abs=1e-4)
    assert loss.overlap == pytest.approx(expected.overlap, abs=0.01)
    assert 0.99 < loss.cosine_min <= loss.cosine_mean < 1
    assert (loss.texts, loss.neighbours) == (40, 20)
    again = measure_precision_loss(VectorCache(tmp_path, SPACE), lambda: [], "passage", never)
    assert again == loss


@pytest.mark.parametrize("content", [b"\xff", b"[]", b"{}", b'{"texts": "many"}', None])
def test_a_loss_that_cannot_be_read_is_measured_again(
    tmp_path: Path, content: bytes | None
) -> None:
    cache = VectorCache(tmp_path, SPACE)
    cache.add([text_key(text) for text in TEXTS[:4]], minilm_encoder().encode(TEXTS[:4], "passage"))
    loss = measure_precision_loss(cache, lambda: TEXTS[:4], "passage", minilm_encoder)
    path = cache.folder / "precision_loss.json"
    written = path.read_bytes()
    path.write_bytes(written.replace(b'"texts": 4', b'"texts": 5') if content is None else content)
    assert measure_precision_loss(cache, lambda: TEXTS[:4], "passage", minilm_encoder) == loss
    assert path.read_bytes() == written


def test_vectors_that_say_nothing_lose_nearly_everything() -> None:
    random = np.random.default_rng(0)
    exact, noise = random.normal(size=(2, 300, 64)).astype(np.float32)
    loss = compare(noise, exact)
    assert abs(loss.cosine_mean) < 0.05
    assert 0.25 < loss.overlap < 0.42, "a third, by chance"
    assert compare(exact, exact).overlap == 1
