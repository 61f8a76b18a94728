"""A model that is saved over while it is used gives no vectors under the wrong name."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import identify_model, load_model
from hn_assets.errors import HardNegativesError, ModelChangedError
from hn_assets.reranking.model import identify_reranker
from hn_assets.reranking.reranker import Reranker
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets_tests.small_models import make_tiny_bert


def save_over(folder: Path, other: Path) -> None:
    """Write the bytes of another model of equal size into the same files."""
    for path in other.iterdir():
        with (folder / path.name).open("r+b") as file:
            file.write(path.read_bytes())


def test_a_checkpoint_saved_over_between_hashing_and_loading_is_refused(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path / "model")
    settings = EncodingSettings(model=str(folder), pooling="mean")
    identity = identify_model(settings)
    make_tiny_bert(folder, seed=1)
    with pytest.raises(ModelChangedError, match="model has changed while it was loaded") as error:
        load_model(settings, devices=["cpu"], precision="float32", identity=identity)
    assert not isinstance(error.value, HardNegativesError), "it may be tried again"
    load_model(settings, devices=["cpu"], precision="float32")


def test_a_checkpoint_saved_over_after_loading_changes_no_vector(tmp_path: Path) -> None:
    folder, other = make_tiny_bert(tmp_path / "model"), make_tiny_bert(tmp_path / "other", seed=1)
    settings = EncodingSettings(model=str(folder), pooling="mean")
    encoder = Encoder(load_model(settings, devices=["cpu"], precision="float32"), devices=["cpu"])
    save_over(folder, other)
    found = encoder.encode(["the heart"], "passage")
    make_tiny_bert(folder)
    again = Encoder(load_model(settings, devices=["cpu"], precision="float32"), devices=["cpu"])
    np.testing.assert_array_equal(found, again.encode(["the heart"], "passage"))


def test_a_teacher_saved_over_between_hashing_and_loading_is_refused(
    teacher_folder: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification

    folder = tmp_path / "teacher"
    shutil.copytree(teacher_folder, folder)
    settings = TeacherSettings(model=str(folder))
    identity = identify_reranker(settings)
    model = AutoModelForSequenceClassification.from_pretrained(teacher_folder)
    model.classifier.bias.data.fill_(7)
    model.save_pretrained(folder)
    with pytest.raises(ModelChangedError, match="has changed while it was loaded"):
        Reranker(identity, settings, devices=["cpu"], precision="float32")
