"""One stage while a run makes it: what it reads, whether it is up to date, what it publishes."""

import json
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from logging import Logger
from pathlib import Path
from typing import Any, TypeVar

from hn_assets.errors import StoreError
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.metadata import Location, Metadata, from_json, to_json
from hn_assets.pipeline.stage import Stage, upstream_names
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import Draft, Manifest
from hn_assets.store.layout import StageFile

METADATA_NOTE = "metadata.json"

T = TypeVar("T")


@dataclass(frozen=True)
class StageResult:
    """What came of a stage.

    Attributes:
        stage: The name of the stage.
        version: Names the content: equal files have an equal version.
        metadata: What the stage says of itself.
    """

    stage: str
    version: str
    metadata: Metadata


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

    def close(self) -> None:
        """End what was started."""
        self._closing.close()


class StageRun:
    """One stage of a dataset while it is made.

    Args:
        dataset: The dataset, with the settings of this run.
        stage: The declaration of the stage.
        stages: All stages of the dataset.
        log: Takes the lines of progress and the warnings.
        shared: What the stages of the same operation share.
    """

    def __init__(
        self,
        dataset: Dataset,
        stage: Stage,
        stages: tuple[Stage, ...],
        log: Logger,
        shared: SharedWork,
    ) -> None:
        self.dataset = dataset
        self.stage = stage
        self.log = log
        self.shared = shared
        self.place = dataset.store.stage(stage.name)
        self.drafts: dict[str, Draft] = {}
        names = set(upstream_names(stage, stages))
        self._reads = [file for file in stage.reads if file.stage in names]
        self._paths: dict[StageFile, Path] = {}
        self._manifests: dict[str, Manifest] = {}
        self._made_from: dict[str, Any] | None = None

    @property
    def settings(self) -> DatasetSettings:
        """The settings of this run."""
        return self.dataset.settings

    def input(self, file: StageFile) -> Path:
        """A file that the stage declares to read, its checksum verified.

        Raises:
            StoreError: It was never materialized, or it is damaged.
        """
        assert file in self._reads, f"{self.stage.name} does not declare that it reads {file}"
        if file not in self._paths:
            self._paths[file] = self.dataset.store.file(file)
        return self._paths[file]

    def optional_input(self, file: StageFile) -> Path | None:
        """The same; None if the dataset does not have the stage of the file."""
        return self.input(file) if file in self._reads else None

    def version_of(self, stage: str) -> str:
        """The version of a stage that this one reads."""
        return self._manifest(stage).version

    def info(self, stage: str) -> Mapping[str, Any]:
        """What a stage that this one reads says of how it was made."""
        return self._manifest(stage).info

    def identify(self) -> None:
        """Find out what the content depends on, without making it.

        Raises:
            StoreError: A stage that is read was never materialized, or a file of it is damaged.
        """
        inputs = {file.stage: self._manifest(file.stage).version for file in self._reads}
        for file in self._reads:
            if file.name in self._manifest(file.stage).files:  # some are written only at times
                self.input(file)
        found = self.stage.identify(self) if self.stage.identify is not None else {}
        if found is None:
            self._made_from = None
            return
        self._made_from = _as_json(
            {
                "version": self.stage.version,
                "settings": self.stage.settings(self.settings),
                "inputs": inputs,
                "content": found,
            }
        )

    def unchanged(self) -> StageResult | None:
        """The present version, if it is whole and would be made from the same; else None."""
        try:
            manifest = self.place.verified()
        except StoreError as error:
            self.log.warning(f"{error}: it is made again now")
            return None
        if self._made_from is None or manifest is None:
            return None
        if manifest.info.get("made_from") != self._made_from:
            return None
        note = self.place.read_note(METADATA_NOTE) or {}
        kept = from_json(note["metadata"]) if note.get("version") == manifest.version else {}
        self.log.info(f"{self.place.asset}: nothing that it is made from has changed; it is kept")
        metadata = {**kept, "unchanged": True}
        return StageResult(self.stage.name, manifest.version, metadata)

    @contextmanager
    def publish(self) -> Iterator[Draft]:
        """Write the next version of the stage, which replaces the present one at the end."""
        with self.place.publish() as draft:
            yield draft
            draft.info["made_from"] = self._made_from

    def result(self, draft: Draft, metadata: Metadata) -> StageResult:
        """What came of a stage that has just been published."""
        assert draft.manifest is not None, "the draft must be published first"
        version = draft.manifest.version
        described = {
            "path": Location(self.place.where(version)),
            "bytes": sum(int(file["bytes"]) for file in draft.manifest.files.values()),
            "peak_memory_mib": peak_memory() >> 20,
            **metadata,
            "unchanged": False,
        }
        if self.stage.published is not None:
            self.stage.published(self, version)
        self.place.write_note(METADATA_NOTE, {"version": version, "metadata": to_json(described)})
        return StageResult(self.stage.name, version, described)

    def _manifest(self, stage: str) -> Manifest:
        stages = {file.stage for file in self._reads}
        assert stage in stages, f"{self.stage.name} does not declare that it reads {stage}"
        if stage not in self._manifests:
            self._manifests[stage] = self.dataset.store.stage(stage).require()
        return self._manifests[stage]


def peak_memory() -> int:
    """The most memory that this process, or one that it has started, ever held; in bytes.

    Files that are mapped into memory count as far as they were read.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    processes = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in processes) * unit


def _as_json(value: Any) -> Any:
    """The value as it is after it was kept as JSON, so that it compares equal."""
    return json.loads(json.dumps(value))
