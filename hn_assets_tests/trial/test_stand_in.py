"""A stand-in is the model's embeddings and its first layers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from hn_assets.encoding.models.heads import load_modules
from hn_assets.encoding.models.model import identify_model
from hn_assets.errors import SettingsError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.trial.stand_in import write_stand_in
from hn_assets_tests.small_models import make_sentence_transformer, make_tiny_bert


def test_it_gives_what_the_first_layers_give(tmp_path: Path) -> None:
    whole = make_tiny_bert(tmp_path / "whole")
    (tmp_path / "small").mkdir()
    small = write_stand_in(whole, 1, tmp_path / "small", trust_remote_code=False)
    tokens = AutoTokenizer.from_pretrained(small)("a few words", return_tensors="pt")
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(whole)(**tokens, output_hidden_states=True)
        found = AutoModel.from_pretrained(small)(**tokens).last_hidden_state
    np.testing.assert_allclose(found, hidden.hidden_states[1], atol=1e-6)


def test_the_modules_behind_the_pooling_are_those_of_the_whole_model(tmp_path: Path) -> None:
    from sentence_transformers.base.modules.dense import Dense

    bare = make_tiny_bert(tmp_path / "bare")
    whole = make_sentence_transformer(tmp_path / "whole", bare, heads=[Dense(32, 16)])
    (tmp_path / "small").mkdir()
    small = write_stand_in(whole, 1, tmp_path / "small", trust_remote_code=False)
    (head,) = identify_model(EncodingSettings(model=str(whole))).usage.heads
    for folder in (whole, small):
        (dense,) = load_modules(str(folder), [head], trust_remote_code=False)
        assert dense.linear.weight.shape == (16, 32)  # type: ignore[union-attr]


@pytest.mark.parametrize("layers", [2, 5])
def test_as_many_layers_as_the_model_has_are_no_stand_in(tmp_path: Path, layers: int) -> None:
    whole = make_tiny_bert(tmp_path / "whole")
    with pytest.raises(SettingsError, match=f"trial.layers is {layers}, and the model .* has 2"):
        write_stand_in(whole, layers, tmp_path, trust_remote_code=False)
