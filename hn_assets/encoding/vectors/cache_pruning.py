"""Which vectors the last runs used, so that the others can be removed.

A generation is one published version of `corpus_embeddings` or `query_embeddings`. Beside the
spaces of a `VectorCache`, `generations/<stage>/` keeps a small file of keys for each.
"""

import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_cache import KEY, SPACE_FILE, VectorCache
from hn_assets.store.atomic_files import remove_unfinished, replace_file

GENERATIONS = "generations"


@dataclass
class PruneReport:
    """What was removed, or would be.

    Attributes:
        vectors: removed, by the folder of their space.
        kept: vectors that stay.
        generations: names of the generations that are forgotten.
    """

    vectors: dict[str, int] = field(default_factory=dict)
    kept: int = 0
    generations: list[str] = field(default_factory=list)


def record_generation(cache: VectorCache, stage: str, version: str, keys: list[bytes]) -> None:
    """Keep which vectors of `cache` a version of a stage holds; the newest use of it counts."""
    folder = cache.folder.parent / GENERATIONS / stage
    folder.mkdir(parents=True, exist_ok=True)
    for older in folder.glob(f"*-{version}.parquet"):
        older.unlink()
    path = folder / f"{time.time_ns():020}-{version}.parquet"
    table = pa.table({"key": pa.array(sorted(set(keys)), KEY)})
    table = table.replace_schema_metadata({"space": cache.folder.name})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    remove_unfinished(folder)
    replace_file(path, sink.getvalue())


def prune(folder: Path, keep: int, *, really: bool) -> PruneReport:
    """Remove the vectors that none of the last `keep` generations of any stage used.

    Args:
        folder: of all spaces, as for `VectorCache`.
        keep: generations of each stage, the current one counted.
        really: whether to remove them, or only to say what would be removed.
    """
    report = PruneReport()
    used: dict[str, set[bytes]] = {}
    forgotten: list[Path] = []
    for stage in sorted((folder / GENERATIONS).glob("*")):
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
    report.generations = [f"{path.parent.name}/{path.stem}" for path in forgotten]
    if really:
        for path in forgotten:
            path.unlink()
    return report
