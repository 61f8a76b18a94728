"""A changed model is noticed without reading its weights; an unchanged one stays the same."""

import os
from pathlib import Path

import pytest

from hn_assets.encoding.models.model import identify_model
from hn_assets.encoding.models.model_state import state_of_model
from hn_assets.encoding.models.unchanged import hash_folder
from hn_assets.errors import HubError, ModelError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.small_models import make_tiny_bert


def test_a_hub_that_cannot_be_reached_is_said() -> None:
    with pytest.raises(HubError, match="which revision BAAI/bge-base-en-v1.5 is at"):
        state_of_model("BAAI/bge-base-en-v1.5")


def test_a_checkpoint_saved_over_the_last_changes_the_state(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path / "model")
    before = state_of_model(str(folder))
    assert state_of_model(str(folder)) == before
    make_tiny_bert(folder, seed=1)
    assert state_of_model(str(folder)) != before
    assert state_of_model("bundled") == state_of_model("bundled")


def test_only_files_that_the_weights_hash_covers_change_the_state(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path / "model")
    state, weights = state_of_model(str(folder)), hash_folder(folder)
    (folder / "README.md").write_text("a card")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "lock.json").write_text("{}")
    (folder / ".gitattributes").write_text("*.bin")
    assert state_of_model(str(folder)) == state
    assert hash_folder(folder) == weights
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text("{}")
    assert state_of_model(str(folder)) != state
    assert hash_folder(folder) != weights


def test_a_pattern_names_the_newest_checkpoint_that_is_whole(tmp_path: Path) -> None:
    pattern = str(tmp_path / "run" / "checkpoint-*")
    with pytest.raises(ModelError, match="no folder that .* names holds a model"):
        state_of_model(pattern)
    make_tiny_bert(tmp_path / "run" / "checkpoint-500")
    first = state_of_model(pattern)
    ninth = make_tiny_bert(tmp_path / "run" / "checkpoint-1000", seed=1)
    os.utime(tmp_path / "run" / "checkpoint-500" / "config.json")  # numbers count before times
    second = state_of_model(pattern)
    assert first != second
    # without weights, it is still being written
    (tmp_path / "run" / "checkpoint-1500").mkdir()
    (tmp_path / "run" / "checkpoint-1500" / "config.json").write_text("{}")
    assert state_of_model(pattern) == second
    found = identify_model(EncodingSettings(model=pattern, pooling="mean"))
    assert found.location == found.name == str(ninth)
