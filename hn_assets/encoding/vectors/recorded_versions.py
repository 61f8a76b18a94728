"""Which vectors the last runs used, so that the others can be removed.

Beside the spaces of a `VectorCache`, `recorded_versions/<stage>/` keeps a small file of keys for
each published version of a stage that uses the cache.
"""

import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_cache import KEY, SPACE_FILE, VectorCache
from hn_assets.store.atomic_files import remove_unfinished, replace_file

RECORDED_VERSIONS = "recorded_versions"


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


def record_version(
    folder: Path, space_folder: str, stage: str, version: str, keys: Iterable[bytes]
) -> None:
    """Keep which vectors a published version of a stage uses; its newest use counts.

    Args:
        folder: The folder of all spaces, as for `VectorCache`.
        space_folder: The name of the folder of the space that the vectors are in.
        stage: The name of the stage.
        version: The version that was published.
        keys: The keys of the vectors.
    """
    versions = folder / RECORDED_VERSIONS / stage
    versions.mkdir(parents=True, exist_ok=True)
    for older in versions.glob(f"*-{version}.parquet"):
        older.unlink()
    path = versions / f"{time.time_ns():020}-{version}.parquet"
    table = pa.table({"key": pa.array(sorted(set(keys)), KEY)})
    table = table.replace_schema_metadata({"space": space_folder})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    remove_unfinished(versions)
    replace_file(path, sink.getvalue())


def prune(folder: Path, keep: int, *, really: bool) -> PruneReport:
    """Remove the vectors that none of the last `keep` recorded versions of any stage used.

    Args:
        folder: The folder of all spaces, as for `VectorCache`.
        keep: How many versions of each stage count, the current one included.
        really: Whether to remove the vectors, or only to say what would be removed.
    """
    report = PruneReport()
    used: dict[str, set[bytes]] = {}
    forgotten: list[Path] = []
    for stage in sorted((folder / RECORDED_VERSIONS).glob("*")):
        newest_first = sorted(stage.glob("*.parquet"), reverse=True)
        forgotten += newest_first[keep:]
        for path in newest_first[:keep]:
            table = pq.read_table(path)
            space = (table.schema.metadata or {})[b"space"].decode()
            used.setdefault(space, set()).update(table["key"].to_pylist())
    for path in sorted(folder.glob(f"*/{SPACE_FILE}")):
        space = path.parent.name
        cache = VectorCache(folder, json.loads(path.read_text()))
        unused = set(cache.keys()) - used.get(space, set())
        report.kept += len(cache) - len(unused)
        if unused:
            report.vectors[space] = len(unused)
        if really and space not in used:
            shutil.rmtree(path.parent)
        elif really and unused:
            cache.remove(unused)
    report.versions = [f"{path.parent.name}/{path.stem}" for path in forgotten]
    if really:
        for path in forgotten:
            path.unlink()
    return report
