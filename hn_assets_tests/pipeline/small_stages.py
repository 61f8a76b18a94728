"""Stages that tests declare themselves, of which one writes what another reads."""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.operation_run import run_operation
from hn_assets.pipeline.stage import Operation, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.pipeline.stage_run import StageResult
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import DatasetStore, Draft
from hn_assets.store.layout import StageFile
from hn_assets.store.remote import Remote

LETTERS = StageFile("letters", "letters.txt")
DIGITS = StageFile("digits", "digits.txt")
COPY = StageFile("copy", "copy.txt")


@dataclass(frozen=True)
class OnMachine(Dataset):
    """A dataset on a machine with a folder of its own, and perhaps a place under a URL."""

    url: str | None = None

    @property
    def store(self) -> DatasetStore:
        remote = None if self.url is None else Remote(self.url)
        return DatasetStore(self.base, self.name, remote)


def write_stage(file: StageFile, text: str, **options: Any) -> Stage:
    """A stage that writes a text."""

    def make(context: StageContext, draft: Draft) -> Metadata:
        draft.path(file.name).write_text(text)
        return {"characters": len(text)}

    return Stage(writes=(file,), description="A text.", make=make, version=1, **options)


def failing_stage(file: StageFile, **options: Any) -> Stage:
    """A stage that fails after it has written half of its file."""

    def make(context: StageContext, draft: Draft) -> Metadata:
        draft.path(file.name).write_text("half")
        raise RuntimeError("it cannot be made")

    return Stage(writes=(file,), description="Nothing.", make=make, version=1, **options)


def copy_stage(source: StageFile, reads: Iterable[StageFile], **options: Any) -> Stage:
    """A stage that copies a file, and declares to read `reads`."""

    def make(context: StageContext, draft: Draft) -> Metadata:
        draft.path(COPY.name).write_bytes(context.input(source).read_bytes())
        return {}

    return Stage(
        writes=(COPY,), description="A copy.", make=make, version=1, reads=tuple(reads), **options
    )


def small_dataset(folder: Path) -> Dataset:
    """A dataset of which only the store is used."""
    settings = DatasetSettings.model_validate({"source": {"type": "python_stdlib"}})
    return Dataset("small", settings, folder)


def run_stages(
    dataset: Dataset,
    *stages: Stage,
    is_atomic: bool = False,
    selected: Collection[str] | None = None,
) -> list[StageResult]:
    """Make the stages in one operation."""
    operation = Operation("all", stages, is_atomic)
    return list(run_operation(dataset, operation, stages, logging.getLogger(__name__), selected))
