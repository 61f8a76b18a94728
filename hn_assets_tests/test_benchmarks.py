"""The benchmarks compare like with like: kernels are loaded first, precisions have their names."""

from pathlib import Path
from typing import Any

import FlagEmbedding
import pytest
import torch

from benchmarks import encoding, measure
from benchmarks.measure import read_documents
from hn_assets_tests.collections_on_disk import animals


@pytest.mark.parametrize(("device", "precision"), [("cpu", "float32"), ("cuda:1", "float16")])
def test_flagembedding_is_measured_in_the_precision_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, precision: str
) -> None:
    options: dict[str, Any] = {}
    calls: list[list[str]] = []

    class Model:
        def encode_corpus(self, texts: list[str], batch_size: int) -> None:
            calls.append(texts)

    def load(folder: str, **given: Any) -> Model:
        options.update(given)
        return Model()

    monkeypatch.setattr(FlagEmbedding.FlagAutoModel, "from_finetuned", load)
    animals(tmp_path)
    asked = encoding.flagembedding_precision(device)
    found = encoding.measure("flagembedding", str(tmp_path), 20, "bundled", asked, batch=4)
    assert found["precision"] == asked == precision
    assert options["use_fp16"] == (precision == "float16")
    texts = list(read_documents(str(tmp_path), 20).values())
    assert calls == [texts[: encoding.WARM_UP_TEXTS], texts]


def test_the_peak_of_a_card_is_that_of_a_large_product(monkeypatch: pytest.MonkeyPatch) -> None:
    def rate(device: str, precision: str) -> float:
        assert (device, precision) == ("cuda", "bfloat16")
        return 7e14

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(measure, "matrix_product_rate", rate)
    assert measure.matmul_peak("bfloat16") == 7e14
