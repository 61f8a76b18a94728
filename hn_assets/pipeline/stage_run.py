"""One stage while a run makes it: whether it is up to date, and how it is published."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from hn_assets.errors import StoreError
from hn_assets.pipeline.memory import measure_peak_memory
from hn_assets.pipeline.metadata import Location, Metadata, from_json, to_json
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.store import Draft, Manifest

METADATA_NOTE = "metadata.json"


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


class MetadataNote(BaseModel):
    """The file that keeps what a version of a stage has said of itself.

    Attributes:
        version: The version.
        metadata: What it has said.
    """

    model_config = ConfigDict(extra="forbid")

    version: str
    metadata: Annotated[dict[str, Any], BeforeValidator(from_json)]


class StageRun:
    """One stage of a dataset while it is made.

    Args:
        stage: The declaration of the stage.
        context: What its functions are given.
    """

    def __init__(self, stage: Stage, context: StageContext) -> None:
        self.stage = stage
        self.context = context
        self._made_from: dict[str, Any] | None = None
        self._metadata: Metadata = {}
        self._result: StageResult | None = None

    def identify(self) -> None:
        """Find out what the content depends on, without making it.

        Raises:
            StoreError: A stage that is read was never materialized, or a file of it is damaged.
        """
        context = self.context
        inputs = {file.stage: context.manifest(file.stage).version for file in context.reads}
        for file in context.reads:
            if file.name in context.manifest(file.stage).files:  # some are written only at times
                context.input(file)
        found = self.stage.identify(context) if self.stage.identify is not None else {}
        if found is None:
            self._made_from = None
            return
        self._made_from = _as_json(
            {
                "version": self.stage.version,
                "settings": self.stage.settings(context.settings),
                "inputs": inputs,
                "content": found,
            }
        )

    def unchanged(self) -> StageResult | None:
        """The present version, if it is whole and would be made from the same; else None."""
        place, log = self.context.place, self.context.log
        try:
            manifest = place.verified()
        except StoreError as error:
            log.warning(f"{error}: it is made again now")
            return None
        if self._made_from is None or manifest is None:
            return None
        if manifest.info.get("made_from") != self._made_from:
            return None
        note = place.read_note(METADATA_NOTE, MetadataNote)
        if note is None or note.version != manifest.version:
            log.warning(
                f"{place.where(METADATA_NOTE)} is missing or damaged: {place.asset} is made again"
            )
            return None
        for mended in place.complete(manifest):
            log.warning(mended)
        log.info(f"{place.asset}: nothing that it is made from has changed; it is kept")
        metadata = {**note.metadata, "unchanged": True}
        return StageResult(self.stage.name, manifest.version, metadata)

    @contextmanager
    def publish(self) -> Iterator[Draft]:
        """Write the next version of the stage, which replaces the present one at the end."""
        with self.context.place.publish() as draft:
            draft.before_publication = self._describe
            yield draft
            draft.info["made_from"] = self._made_from

    def make(self, draft: Draft) -> None:
        """Write the files of the stage into the draft."""
        with measure_peak_memory() as peak:
            metadata = self.stage.make(self.context, draft)
        self._metadata = {**({} if peak.mib is None else {"peak_memory_mib": peak.mib}), **metadata}

    def result(self) -> StageResult:
        """What came of a stage that has just been published."""
        assert self._result is not None, "the draft must be published first"
        return self._result

    def _describe(self, manifest: Manifest) -> None:
        """Keep what is known of a version, before readers see it."""
        version, place = manifest.version, self.context.place
        described = {
            "path": Location(place.where(manifest)),
            "bytes": sum(file["bytes"] for file in manifest.files.values()),
            **self._metadata,
            "unchanged": False,
        }
        if self.stage.published is not None:
            self.stage.published(self.context, version)
        place.write_note(METADATA_NOTE, {"version": version, "metadata": to_json(described)})
        self._result = StageResult(self.stage.name, version, described)


def _as_json(value: Any) -> Any:
    """The value as it is after it was kept as JSON, so that it compares equal."""
    return json.loads(json.dumps(value))
