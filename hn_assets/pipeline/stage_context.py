"""What the function that makes a stage is given: its dataset, its inputs, and shared work."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from logging import Logger
from pathlib import Path
from typing import Any, TypeVar

from hn_assets.errors import StoreError
from hn_assets.pipeline.dataset import Dataset
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import Draft, Manifest
from hn_assets.store.layout import StageFile

T = TypeVar("T")


class SharedWork:
    """What the stages of one operation compute once and use together."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._closing = ExitStack()

    def get(self, name: str, make: Callable[[], T]) -> T:
        """What `make` returned at the first call; closed at the end if it can be."""
        if name not in self._made:
            made = make()
            self._made[name] = made
            if callable(close := getattr(made, "close", None)):
                self._closing.callback(close)
        return self._made[name]

    def enter(self, context: AbstractContextManager[T]) -> T:
        """What a context gives, which ends with the operation."""
        return self._closing.enter_context(context)

    def close(self) -> None:
        """End what was started."""
        self._closing.close()


class StageContext:
    """One stage of a dataset as the function sees it that makes it.

    Args:
        dataset: The dataset, with the settings of this run.
        files: The files that the stage publishes.
        reads: The files that it declares to read, of stages that the dataset has.
        log: Takes the lines of progress and the warnings.
        shared: What the stages of the same operation share.

    Attributes:
        name: The name of the stage.
        place: Its place in the store, with the version before.
        drafts: The drafts of the stages that are published together with it, by name.
    """

    def __init__(
        self,
        dataset: Dataset,
        files: Sequence[StageFile],
        reads: Sequence[StageFile],
        log: Logger,
        shared: SharedWork,
    ) -> None:
        self.dataset = dataset
        self.files = files
        self.reads = reads
        self.log = log
        self.shared = shared
        self.name = files[0].stage
        self.place = dataset.store.stage(self.name)
        self.drafts: dict[str, Draft] = {}
        self._paths: dict[StageFile, Path] = {}
        self._manifests: dict[str, Manifest] = {}

    @property
    def settings(self) -> DatasetSettings:
        """The settings of this run."""
        return self.dataset.settings

    def input(self, file: StageFile) -> Path:
        """A file that the stage declares to read, its checksum verified.

        It is of the version that `manifest` tells, and stays until the operation has ended.

        Raises:
            StoreError: It was never materialized, or it is damaged.
        """
        assert file in self.reads, f"{self.name} does not declare that it reads {file}"
        if file not in self._paths:
            place = self.dataset.store.stage(file.stage)
            self._paths[file] = place.file(file.name, self.manifest(file.stage))
        return self._paths[file]

    def optional_input(self, file: StageFile) -> Path | None:
        """The same; None if the dataset does not have the stage of the file."""
        return self.input(file) if file in self.reads else None

    def manifest(self, stage: str) -> Manifest:
        """The version of a stage that this one reads: the one that was current at the first call.

        Raises:
            StoreError: It was never materialized, or it is damaged.
        """
        stages = {file.stage for file in self.reads}
        assert stage in stages, f"{self.name} does not declare that it reads {stage}"
        if stage not in self._manifests:
            place = self.dataset.store.stage(stage)
            self._manifests[stage] = self.shared.enter(place.reading())
        return self._manifests[stage]

    def history(self, key: str) -> list[dict[str, Any]]:
        """What earlier versions of this stage have kept under `key`, the latest last.

        There is nothing if the stage was never materialized, or if its manifest is damaged.
        """
        try:
            manifest = self.place.manifest()
            return [] if manifest is None else list(manifest.info.get(key, []))
        except StoreError as error:
            self.log.warning(f"{error}: the history of {self.name} begins anew")
            return []

    def info(self, stage: str) -> Mapping[str, Any]:
        """What a stage that this one reads says of how it was made."""
        return self.manifest(stage).info
