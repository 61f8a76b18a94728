"""One stage while a run makes it: whether it is up to date, and how it is published."""

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hn_assets.errors import StoreError
from hn_assets.pipeline.metadata import Location, Metadata, from_json, to_json
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.store import Draft

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
        note = place.read_note(METADATA_NOTE) or {}
        kept = from_json(note["metadata"]) if note.get("version") == manifest.version else {}
        log.info(f"{place.asset}: nothing that it is made from has changed; it is kept")
        metadata = {**kept, "unchanged": True}
        return StageResult(self.stage.name, manifest.version, metadata)

    @contextmanager
    def publish(self) -> Iterator[Draft]:
        """Write the next version of the stage, which replaces the present one at the end."""
        with self.context.place.publish() as draft:
            yield draft
            draft.info["made_from"] = self._made_from

    def result(self, draft: Draft, metadata: Metadata) -> StageResult:
        """What came of a stage that has just been published."""
        assert draft.manifest is not None, "the draft must be published first"
        version, place = draft.manifest.version, self.context.place
        described = {
            "path": Location(place.where(version)),
            "bytes": sum(int(file["bytes"]) for file in draft.manifest.files.values()),
            "peak_memory_mib": peak_memory() >> 20,
            **metadata,
            "unchanged": False,
        }
        if self.stage.published is not None:
            self.stage.published(self.context, version)
        place.write_note(METADATA_NOTE, {"version": version, "metadata": to_json(described)})
        return StageResult(self.stage.name, version, described)


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
