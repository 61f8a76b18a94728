"""The benchmarks compare like with like: kernels are loaded first, precisions have their names."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import encoding, measure
from benchmarks.generated_collection import change_collection, write_collection
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

    monkeypatch.setattr("FlagEmbedding.FlagAutoModel.from_finetuned", load)
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


def test_a_generated_collection_changes_a_little(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(2_100)]
    write_collection(tmp_path, 4_100, 200, words)
    files = [tmp_path / name for name in ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv")]
    before = [file.read_text().splitlines() for file in files]
    assert change_collection(tmp_path, 1) == (2, 1)
    corpus, queries, qrels = (file.read_text().splitlines() for file in files)
    changed = [row for row, line in enumerate(before[0]) if corpus[row] != line]
    assert changed == [2_000, 4_000] and [json.loads(line)["_id"] for line in corpus[4_100:]] == [
        "new0",
        "new1",
    ]
    assert queries[:-1] == before[1] and qrels == [*before[2], "qnew0\tnew0\t1"]
    asked = json.loads(queries[-1])["text"].split()[:6]
    assert set(asked) <= set(json.loads(corpus[-2])["text"].split())
