"""Every name that FlagEmbedding knows is found without importing it."""

import pytest

from hn_assets.encoding.models import flagembedding_names
from hn_assets.encoding.models.flagembedding_names import may_be_known


def test_every_name_is_found_and_parts_of_names_are_not() -> None:
    from FlagEmbedding.inference.embedder.model_mapping import AUTO_EMBEDDER_MAPPING
    from FlagEmbedding.inference.reranker.model_mapping import AUTO_RERANKER_MAPPING

    assert all(may_be_known(name, "embedder") for name in AUTO_EMBEDDER_MAPPING)
    assert all(may_be_known(name, "reranker") for name in AUTO_RERANKER_MAPPING)
    for name in ("bge", "checkpoint-500", "bge-m3-tuned", "model", ""):
        assert not may_be_known(name, "embedder"), name


def test_a_list_that_is_elsewhere_may_hold_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flagembedding_names, "_names", lambda kind: None)
    assert may_be_known("my-model", "embedder")
