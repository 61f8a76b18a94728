"""Graphs of small datasets, materialized in this process as Dagster would."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from hn_assets.orchestration.base.names import asset_key, settings_key
from hn_assets.orchestration.build import build_definitions
from hn_assets.pipeline.dataset import Dataset
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import DatasetStore
from hn_assets_tests.collections_on_disk import animals

UP_TO_CANDIDATES = [
    "corpus",
    "queries",
    "qrels",
    "corpus_embeddings",
    "query_embeddings",
    "faiss_index",
    "candidates",
]

STAGES = [
    *UP_TO_CANDIDATES,
    "retrieval_quality",
    "false_negative_audit",
    "hard_negatives",
    "drift",
    "likely_missing_labels",
    "training_set",
    "report",
]

UP_TO_NEGATIVES = [*UP_TO_CANDIDATES, "calibration", "hard_negatives"]

# what they say depends on the refreshes before
OF_THE_PAST = {"drift", "report"}

SMALL: dict[str, Any] = {
    "compute": {"device": "cpu", "precision": "float32"},
    "mining": {"range_min": 2, "range_max": 20, "num_negatives": 4},
    "job": {"retries": 0},
}


def told(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """What each materialized stage of a run said, by the stage's name."""
    return {
        event.asset_key.path[-1]: {k: v.value for k, v in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }


def _changed(section: str, values: Any) -> Any:
    """A section with some of its values changed, or a list in its place."""
    return {**SMALL.get(section, {}), **values} if isinstance(values, Mapping) else values


class AnimalsDataset:
    """The animals dataset in a folder of its own."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        if not (folder / "raw").exists():
            (folder / "raw").mkdir(parents=True)
            animals(folder / "raw")
        sections = {**SMALL, **{k: _changed(k, v) for k, v in changes.items()}}
        sections.setdefault("source", {"type": "beir", "folder": "raw"})
        self.dataset = Dataset("animals", DatasetSettings.model_validate(sections), folder)

    @property
    def store(self) -> DatasetStore:
        """The files of all stages."""
        return self.dataset.store

    def copied_to(self, folder: Path) -> "AnimalsDataset":
        """The same dataset with all that was materialized, in a folder of its own."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        copy = AnimalsDataset(folder)
        copy.dataset = replace(self.dataset, base=folder)
        return copy

    def take_vectors_of(self, other: "AnimalsDataset") -> None:
        """Start with the vectors of another graph.

        Texts that are encoded in other batches have other vectors in the last bits, so only with
        the same vectors are equal bytes promised.
        """
        shutil.copytree(other.store.vectors, self.store.vectors)

    def version(self, stage: str) -> str:
        """The current version of a stage."""
        return self.store.stage(stage).require().version

    def key(self, stage: str) -> dg.AssetKey:
        """The asset key of a stage."""
        return asset_key("animals", stage)

    def materialize(
        self,
        *stages: str,
        changes: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        selection: Any = None,
        raise_on_error: bool = True,
        resources: Mapping[str, Any] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Materialize the stages named, or all; `changes` are settings of this run, by section."""
        defs = build_definitions(self.dataset)
        config = {"resources": {settings_key("animals"): {"config": dict(changes or {})}}}
        return dg.materialize(
            [*(defs.assets or []), *(defs.asset_checks or [])],  # type: ignore[list-item]
            resources={**(defs.resources or {}), **(resources or {})},
            selection=selection or [self.key(stage) for stage in stages] or None,
            run_config=config,
            tags=dict(tags or {}),
            raise_on_error=raise_on_error,
        )

    def fail(self, *stages: str, **options: Any) -> str:
        """What the run said when it failed."""
        result = self.materialize(*stages, raise_on_error=False, **options)
        assert not result.success
        (failed,) = (e for e in result.all_events if e.is_step_failure)
        data = failed.step_failure_data
        assert data.user_failure_data is not None, data.error
        return str(data.user_failure_data.description)

    def file(self, stage: str, name: str) -> Path:
        """A file of a stage's current version."""
        return self.store.stage(stage).file(name)

    def negatives(self) -> pd.DataFrame:
        """The mined negatives."""
        return pd.read_parquet(self.file("hard_negatives", "hard_negatives.parquet"))
