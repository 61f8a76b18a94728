"""A kind of retriever is one module, which is discovered; its settings say what they are."""

import pytest
from pydantic import ValidationError

from hn_assets.retrievers.kinds import settings_classes
from hn_assets.retrievers.kinds.dense import DenseSettings


def test_every_kind_is_found_and_describes_itself() -> None:
    kinds = {
        kind.model_json_schema()["properties"]["type"]["const"]: kind for kind in settings_classes()
    }
    assert "dense" in kinds
    assert len(kinds) == len(settings_classes())
    for kind in kinds.values():
        assert kind.__doc__
        for name, field in kind.model_fields.items():
            assert name == "type" or field.description, name


def test_a_retriever_is_called_by_its_name_or_its_type() -> None:
    assert DenseSettings(type="dense").label == "dense"
    assert DenseSettings(type="dense", name="minilm_6").label == "minilm_6"
    assert DenseSettings(type="dense").is_own_encoder
    with pytest.raises(ValidationError, match="pattern"):
        DenseSettings(type="dense", name="MiniLM/6")
