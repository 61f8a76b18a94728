"""Another encoder as a retriever: exact scores, and each text is encoded once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import load_model
from hn_assets.retrievers.kinds.dense import DenseSettings
from hn_assets.settings.compute import ComputeSettings
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.retrievers.retrieve import inputs_in, retrieve

ANIMALS = ["cat", "dog", "horse", "whale", "sparrow", "trout", "beetle", "spider"]
DOCUMENTS = {f"d{place}": f"the {name} is an animal" for place, name in enumerate(ANIMALS)}
QUERIES = {f"q{place}": f"what is a {name}" for place, name in enumerate(ANIMALS[:3])}


@pytest.fixture
def encoding(model: Path) -> EncodingSettings:
    return EncodingSettings(
        model=str(model),
        pooling="mean",
        query_instruction="query: ",
        passage_instruction="passage: ",
    )


def test_another_encoder_ranks_by_its_own_vectors(
    encoding: EncodingSettings, tmp_path: Path
) -> None:
    compute = ComputeSettings(device="cpu", precision="float32")
    inputs = inputs_in(tmp_path, DOCUMENTS, QUERIES, compute=compute)
    settings = DenseSettings(type="dense", name="other", encoding=encoding)
    found, report = retrieve(settings, inputs, 5)
    loaded = load_model(encoding, devices=["cpu"], precision="float32")
    encoder = Encoder(loaded, devices=["cpu"])
    passages = encoder.encode([*DOCUMENTS.values()], "passage").astype(np.float64)
    queries = encoder.encode([*QUERIES.values()], "query").astype(np.float64)
    for query, scores in zip(QUERIES, queries @ passages.T, strict=True):
        exact = dict(zip(DOCUMENTS, scores, strict=True))
        best = sorted(exact.values(), reverse=True)[:5]
        # a text in another batch has another vector in the last bits
        assert [score for _, score in found[query]] == pytest.approx(best, abs=1e-5)
        for document, score in found[query]:
            assert score == pytest.approx(exact[document], abs=1e-5)
    assert report.figures()["texts_encoded"] == len(DOCUMENTS) + len(QUERIES)


def test_a_text_that_has_a_vector_is_not_encoded_again(
    encoding: EncodingSettings, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    compute = ComputeSettings(device="cpu", precision="float32")
    inputs = inputs_in(tmp_path, DOCUMENTS, QUERIES, compute=compute, vector_cache=cache)
    cache.mkdir()
    settings = DenseSettings(type="dense", encoding=encoding)
    first, _ = retrieve(settings, inputs, 5)
    again, report = retrieve(settings, inputs, 5)
    assert again == first
    assert report.figures()["texts_encoded"] == 0
    assert {used.kind: len(used.keys) for used in report.used_vectors} == {
        "passages": len(DOCUMENTS),
        "queries": len(QUERIES),
    }
    changed = inputs_in(tmp_path, {**DOCUMENTS, "d3": "the whale is a mammal"}, QUERIES)
    _, report = retrieve(settings, replace(inputs, corpus=changed.corpus), 5)
    assert report.figures()["texts_encoded"] == 1


def test_it_depends_on_the_weights_and_on_the_instructions(
    encoding: EncodingSettings, tmp_path: Path
) -> None:
    inputs = inputs_in(tmp_path, DOCUMENTS, QUERIES, compute=ComputeSettings(device="cpu"))

    def space(**changes: str) -> object:
        return DenseSettings(type="dense", encoding=encoding.model_copy(update=changes)).identify(
            inputs
        )

    assert space() == space()
    assert space() != space(query_instruction="ask: ")
    assert space() != space(model="bundled")
    assert DenseSettings(type="dense").identify(inputs) == {}


def test_the_promoted_model_is_the_datasets_own_encoder() -> None:
    with pytest.raises(ValidationError, match="leave `encoding` of the retriever out"):
        DenseSettings.model_validate({"type": "dense", "encoding": {"model": "promoted"}})
    other = DenseSettings.model_validate({"type": "dense", "encoding": {"model": "bundled"}})
    assert other.has_model and not other.is_own_encoder
