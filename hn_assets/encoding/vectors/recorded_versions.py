"""Which vectors the last runs used, so that the others can be removed.

Beside the spaces of a `VectorCache`, `recorded_versions/<stage>/` keeps a small file of keys for
each published version of a stage that uses the cache.
"""

import hashlib
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_cache import KEY, Keys, VectorCache, among, key_array
from hn_assets.encoding.vectors.vector_file import ARROW_ERRORS
from hn_assets.errors import StoreError
from hn_assets.store.atomic_files import (
    make_folder,
    remove_unfinished,
    replace_file,
    unfinished_path,
)

RECORDED_VERSIONS = "recorded_versions"

_NAME = re.compile(
    r"(?P<number>[0-9]{20,})-(?P<version>[0-9a-f]{16})(-(?P<checksum>[0-9a-f]{64}))?\.parquet"
)
_SPACE = b"space"  # the key of the metadata that name the folder of the space
_SPACE_FOLDER = re.compile("[0-9a-f]{16}")


@dataclass
class PruneReport:
    """What was removed, or would be.

    Attributes:
        vectors: How many vectors are removed, by the folder of their space.
        kept: How many vectors stay.
        versions: The names of the recorded versions that are forgotten.
    """

    vectors: dict[str, int] = field(default_factory=dict)
    kept: int = 0
    versions: list[str] = field(default_factory=list)


def record_version(folder: Path, space_folder: str, stage: str, version: str, keys: Keys) -> None:
    """Keep which vectors a published version of a stage uses; its newest use counts.

    Args:
        folder: The folder of all spaces, as for `VectorCache`.
        space_folder: The name of the folder of the space that the vectors are in.
        stage: The name of the stage.
        version: The version that was published.
        keys: The keys of the vectors.
    """
    versions = folder / RECORDED_VERSIONS / stage
    make_folder(versions)
    remove_unfinished(versions)
    recorded = _recorded(versions)
    distinct = key_array(keys).unique()
    table = pa.table({"key": distinct.take(pc.call_function("sort_indices", [distinct]))})
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({_SPACE: space_folder}), sink)
    content = sink.getvalue()
    # a clock that was set back must not make a new version the older one
    number = max([time.time_ns(), *(one.number + 1 for one in recorded)])
    checksum = hashlib.sha256(content).hexdigest()
    replace_file(versions / f"{number:020}-{version}-{checksum}.parquet", content)
    for one in recorded:
        if one.version == version:
            one.path.unlink(missing_ok=True)


def prune(folder: Path, keep: int, *, really: bool) -> PruneReport:
    """Remove the vectors that none of the last `keep` recorded versions of any stage used.

    Args:
        folder: The folder of all spaces, as for `VectorCache`.
        keep: How many versions of each stage count, the current one included.
        really: Whether to remove the vectors, or only to say what would be removed.

    Raises:
        StoreError: A record that counts is damaged; nothing was removed.
    """
    report = PruneReport()
    used: dict[str, list[pa.Array]] = {}
    forgotten: list[_RecordedVersion] = []
    for stage in sorted(path for path in (folder / RECORDED_VERSIONS).glob("*") if path.is_dir()):
        newest_first = _recorded(stage)[::-1]
        forgotten += newest_first[keep:]
        for one in newest_first[:keep]:
            space, keys = one.read()
            used.setdefault(space, []).extend(keys.chunks)
    for path in sorted(path for path in folder.glob("*") if _SPACE_FOLDER.fullmatch(path.name)):
        space = path.name
        cache = VectorCache.of_folder(path)
        keys = cache.keys()
        of_space = pa.chunked_array(used.get(space, []), KEY)
        unused = keys.filter(pa.array(~among(keys, of_space)))
        report.kept += len(cache) - len(unused)
        if len(unused):
            report.vectors[space] = len(unused)
        if really and space not in used:
            with unfinished_path(folder) as removed:
                path.replace(removed)
        elif really and len(unused):
            cache.remove(unused)
    report.versions = [f"{one.path.parent.name}/{one.path.stem}" for one in forgotten]
    if really:
        remove_unfinished(folder)
        for one in forgotten:
            one.path.unlink(missing_ok=True)
    return report


@dataclass(frozen=True, order=True)
class _RecordedVersion:
    """A file of keys, by the parts of its name.

    Attributes:
        number: Grows from one record of a stage to the next.
        version: The version that was published.
        checksum: The SHA-256 of the file; empty in files of earlier versions of this package.
        path: The file.
    """

    number: int
    version: str
    checksum: str
    path: Path

    def read(self) -> tuple[str, pa.ChunkedArray]:
        """The folder of the space, and the keys.

        Raises:
            StoreError: The file is damaged.
        """
        try:
            content = self.path.read_bytes()
            if self.checksum not in ("", hashlib.sha256(content).hexdigest()):
                raise ValueError("its checksum is not the one in its name")
            table = pq.read_table(pa.BufferReader(content))
            space = (table.schema.metadata or {}).get(_SPACE, b"").decode()
            if not _SPACE_FOLDER.fullmatch(space) or table.schema.field("key").type != KEY:
                raise ValueError("it is not a record of vectors")
            return space, table["key"]
        except (*ARROW_ERRORS, KeyError) as error:
            raise StoreError(
                f"{self.path} is damaged ({error}), so that it is not known which vectors this "
                f"version uses; nothing was removed. To prune without it, delete it"
            ) from error


def _recorded(folder: Path) -> list[_RecordedVersion]:
    """The recorded versions of a stage, the newest last; files of other names are none."""
    found = [(_NAME.fullmatch(path.name), path) for path in folder.glob("*.parquet")]
    return sorted(
        _RecordedVersion(int(name["number"]), name["version"], name["checksum"] or "", path)
        for name, path in found
        if name is not None
    )
