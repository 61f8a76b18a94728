"""How a stage is made: not at all where nothing changed, and by one run at a time."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from filelock import FileLock, Timeout

from hn_assets.errors import StoreError
from hn_assets.store import Draft
from hn_assets.store.layout import FILES

if TYPE_CHECKING:
    from hn_assets.assets.graph import Graph

CODE = "4"  # to be raised when the same input and settings would give other files
METADATA_NOTE = "metadata.json"
WAIT_LOG_EVERY = 30.0  # seconds


class Step:
    """One stage of a graph while a run makes it.

    Args:
        graph: of the dataset.
        context: of the running op.
        stage: the stage that is made.
    """

    def __init__(self, graph: "Graph", context: dg.AssetExecutionContext, stage: str) -> None:
        self.graph = graph
        self.log = context.log
        self.stage = stage
        self.place = graph.store.stage(stage)
        self._made_from: dict[str, Any] = {"code": CODE}

    def input(self, stage: str, name: str = "") -> Path:
        """A file of an upstream stage, its checksum verified; what is made here depends on it.

        Raises:
            StoreError: never materialized, or damaged.
        """
        upstream = self.graph.store.stage(stage)
        self._made_from[stage] = upstream.require().version
        return upstream.file(name or FILES[stage])

    def depends_on(self, **settings: Any) -> None:
        """Say what else the content depends on; values that JSON can hold."""
        self._made_from.update(settings)

    def current(self) -> dg.MaterializeResult | None:
        """What is there, if it is whole and was made from the same; else None."""
        try:
            manifest = self.place.verified()
        except StoreError as error:
            self.log.warning(f"{error}: it is made again now")
            return None
        if manifest is None or manifest.info.get("made_from") != _as_json(self._made_from):
            return None
        note = self.place.read_note(METADATA_NOTE)
        metadata: dict[str, Any] = {}
        if note is not None and note.get("version") == manifest.version:
            metadata = dg.deserialize_value(note["metadata"], dict)
        self.log.info(f"{self.place.asset}: nothing it is made from has changed; it is kept")
        return dg.MaterializeResult(
            asset_key=self.graph.key(self.stage),
            metadata={**metadata, "unchanged": True},
            data_version=dg.DataVersion(manifest.version),
        )

    @contextmanager
    def publish(self) -> Iterator[Draft]:
        """Write the next version of the stage."""
        with self.place.publish() as draft:
            yield draft
            draft.info["made_from"] = _as_json(self._made_from)

    def result(self, draft: Draft, metadata: Mapping[str, Any]) -> dg.MaterializeResult:
        """What to tell Dagster of a published stage: where it lies, its content as the version."""
        result = self.graph.result(self.stage, draft, {**metadata, "unchanged": False})
        assert draft.manifest is not None
        event = dg.AssetMaterialization(self.graph.key(self.stage), metadata=result.metadata)
        values: Any = dict(event.metadata)
        note = {"version": draft.manifest.version, "metadata": dg.serialize_value(values)}
        self.place.write_note(METADATA_NOTE, note)
        return result


@contextmanager
def one_run_at_a_time(path: Path, what: str, log: dg.DagsterLogManager) -> Iterator[None]:
    """Wait until no other run, of this or another process, works on the same.

    The operating system frees the lock of a process that was killed.
    """
    lock = FileLock(path)
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=WAIT_LOG_EVERY)
            break
        except Timeout:
            log.info(f"waiting for another run that is making {what}")
        except OSError as error:
            raise StoreError(
                f"{what} cannot be written to {path.parent}: {error.strerror or error}; what was "
                f"there before is unchanged. Set HN_DATA_DIR to a folder that can be written"
            ) from error
    try:
        yield
    finally:
        lock.release()


def _as_json(value: Any) -> Any:
    """As it is after it was kept as JSON, so that it compares equal."""
    return json.loads(json.dumps(value))
