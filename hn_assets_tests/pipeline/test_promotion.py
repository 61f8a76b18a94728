"""Which model `promoted` is: the base model, then the one that was promoted last."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from hn_assets.errors import StoreError
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.promotion import Lineage, read_lineage, resolved_encoding
from hn_assets.pipeline.watched_inputs import state_of_inputs
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import layout
from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.small_models import make_tiny_bert

LINEAGE = Lineage(round=1, data={"corpus": "1"}, made_from={}, weights="sha256:1", quality={})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("tiny"))


def make_dataset(folder: Path, **sections: Any) -> Dataset:
    (folder / "raw").mkdir()
    animals(folder / "raw")
    settings = {"source": {"type": "beir", "folder": "raw"}, **sections}
    return Dataset("animals", DatasetSettings.model_validate(settings), folder)


def promoting(folder: Path, base: Path) -> Dataset:
    training = {"base_model": str(base)}
    return make_dataset(folder, encoding={"model": "promoted"}, training=training)


def promote(dataset: Dataset, model: Path) -> None:
    with dataset.store.stage(layout.PROMOTED_MODEL.stage).publish() as draft:
        shutil.copytree(model, draft.path(layout.MODEL_FOLDER))
        draft.path(layout.PROMOTED_MODEL.name).write_text(LINEAGE.model_dump_json())


def test_the_base_model_stands_in_until_one_is_promoted(tmp_path: Path, tiny: Path) -> None:
    dataset = promoting(tmp_path, tiny)
    assert resolved_encoding(dataset).model == str(tiny)
    assert read_lineage(dataset.store) is None
    promote(dataset, tiny)
    folder = Path(resolved_encoding(dataset).model)
    assert folder.parent.parent == dataset.store.stage("promoted_model").folder
    assert (folder / "config.json").is_file()
    assert read_lineage(dataset.store) == LINEAGE


def test_a_promotion_is_a_change_that_the_sensor_sees(tmp_path: Path, tiny: Path) -> None:
    dataset = promoting(tmp_path, tiny)
    before = state_of_inputs(dataset)
    assert state_of_inputs(dataset) == before
    promote(dataset, tiny)
    after = state_of_inputs(dataset)
    assert {name for name in before if before[name] != after[name]} == {"model"}


def test_a_promoted_model_that_was_damaged_is_not_mined_with(tmp_path: Path, tiny: Path) -> None:
    dataset = promoting(tmp_path, tiny)
    promote(dataset, tiny)
    weights = Path(resolved_encoding(dataset).model) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match="model.safetensors is damaged"):
        resolved_encoding(dataset)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"encoding": {"model": "promoted"}}, "training.base_model must name the model"),
        ({"encoding": {"model": "promoted"}, "training": {}}, "training.base_model must name"),
        ({"training": {"base_model": "bundled"}}, "Leave one of them out"),
        ({"training": {"loss": "margin_mse"}}, "add a section teacher"),
        ({"training": {"negatives_per_example": 16}}, "more than mining.num_negatives 15"),
        ({"training": {"trainer": "flagembedding", "lora": {}}}, "training.lora is not known to"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    tmp_path: Path, sections: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        make_dataset(tmp_path, **sections)
