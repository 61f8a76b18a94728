"""The model that was promoted last: where it lies, where it came from, and what it is used for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from hn_assets.encoding.models.model import find_model
from hn_assets.errors import StoreError
from hn_assets.pipeline.dataset import Dataset
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.encoding import PROMOTED, EncodingSettings
from hn_assets.settings.training import TrainingSettings
from hn_assets.store import DatasetStore, layout
from hn_assets.store.layout import MODEL_FOLDER


class Lineage(BaseModel):
    """Where a promoted model comes from.

    Attributes:
        round: How many models were promoted on the same data up to this one.
        data: The versions of the stages of the source that it was trained on, by name.
        made_from: What its training depended on: settings, versions of its inputs, weights.
        weights: The hash of its own weights.
        quality: What was measured when it was promoted.
        negatives: How the negatives that it was trained on were mined: the plan as a sentence, the
            settings, the model, and their measured false-negative rate if there was one.
    """

    model_config = ConfigDict(extra="forbid")

    round: int
    data: dict[str, str]
    made_from: dict[str, Any]
    weights: str
    quality: dict[str, Any]
    negatives: dict[str, Any] = {}


def read_lineage(store: DatasetStore) -> Lineage | None:
    """Where the promoted model comes from; None if none was promoted.

    Raises:
        StoreError: The store is damaged.
    """
    place = store.stage(layout.PROMOTED_MODEL.stage)
    if place.manifest() is None:
        return None
    text = place.file(layout.PROMOTED_MODEL.name).read_text(encoding="utf-8")
    try:
        return Lineage.model_validate_json(text) if text.strip() != "{}" else None
    except ValidationError as error:
        raise StoreError(
            f"{place.where(layout.PROMOTED_MODEL.name)} is of another version of this package: "
            f"remove the folder {place.folder} to begin anew with the base model"
        ) from error


def published_model(store: DatasetStore, stage: str) -> Path | None:
    """The folder of the model that a stage has published, every file verified; None if it has none.

    Raises:
        StoreError: The store is damaged.
    """
    place = store.stage(stage)
    manifest = place.manifest()
    names = [] if manifest is None else [n for n in manifest.files if n.startswith(MODEL_FOLDER)]
    if manifest is None or not names:
        return None
    for name in names:
        place.file(name, manifest)
    return place.folder / manifest.version / MODEL_FOLDER


def trained_model(store: DatasetStore) -> Path:
    """The folder of the fine-tuned model, every file verified.

    Raises:
        StoreError: There is none, or the store is damaged.
    """
    folder = published_model(store, layout.FINE_TUNED_MODEL.stage)
    if folder is None:
        raise StoreError(f"{store.dataset}/{layout.FINE_TUNED_MODEL.stage} has no model")
    return folder


def training_settings(settings: DatasetSettings) -> TrainingSettings:
    """The section `training`, which every dataset with these stages has."""
    assert settings.training is not None, "only datasets with training have this stage"
    return settings.training


def base_model(settings: DatasetSettings) -> str:
    """The model of the first round, as `encoding.model` names one."""
    training = settings.training
    if training is not None and training.base_model is not None:
        return training.base_model
    return settings.encoding.model


def base_folder(settings: DatasetSettings) -> str:
    """The folder or hub name of the model of the first round."""
    return find_model(base_model(settings), "training.base_model")


def resolved_encoding(dataset: Dataset) -> EncodingSettings:
    """The settings of encoding, with the promoted model in the place of `promoted`.

    As long as none was promoted, it is the base model.

    Raises:
        StoreError: The promoted model is damaged.
    """
    settings = dataset.settings
    if settings.encoding.model != PROMOTED:
        return settings.encoding
    folder = published_model(dataset.store, layout.PROMOTED_MODEL.stage)
    model = base_model(settings) if folder is None else str(folder)
    return settings.encoding.model_copy(update={"model": model})


def encoding_at_start(dataset: Dataset) -> EncodingSettings:
    """The settings of encoding with the model that training starts from in its place.

    Raises:
        StoreError: The promoted model is damaged.
    """
    training = dataset.settings.training
    if training is not None and training.start_from == "promoted":
        return resolved_encoding(dataset)
    encoding = dataset.settings.encoding
    return encoding.model_copy(update={"model": base_model(dataset.settings)})


def state_of_promoted(dataset: Dataset) -> str | None:
    """The version of the promoted model if it is the one that encodes; its files are not read.

    A model that was promoted is a change, so that the next round begins by itself.

    Raises:
        StoreError: The store is damaged.
    """
    if dataset.settings.encoding.model != PROMOTED:
        return None
    manifest = dataset.store.stage(layout.PROMOTED_MODEL.stage).manifest()
    if manifest is None or not any(name.startswith(MODEL_FOLDER) for name in manifest.files):
        return None
    return manifest.version


def data_versions(inputs: Mapping[str, Any]) -> dict[str, str]:
    """The versions of the stages of the source, of all versions that a stage was made from."""
    stages = (layout.CORPUS.stage, layout.QUERIES.stage, layout.QRELS.stage)
    return {stage: str(inputs[stage]) for stage in stages}
