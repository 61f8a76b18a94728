"""An exact search of an index that is larger than the memory that the process may have.

    python -m benchmarks.index_on_disk [--vectors 1000000] [--dimension 768] [--limit-mb 1024]

Random vectors are indexed and searched from the file in a process that may have `--limit-mb` of
memory of its own (RLIMIT_DATA, which mapped files do not count towards), and again by FAISS alone
with all of the index in memory. Needs room for the vectors twice in the folder of temporary files.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.index_kinds import OwnMemory
from benchmarks.measure import child, describe_machine, print_table

ROWS = 8192


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--queries", type=int, default=256)
    parser.add_argument("--depth", type=int, default=210)
    parser.add_argument("--limit-mb", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        same = {"folder": folder, **{k: getattr(options, k) for k in ("queries", "depth")}}
        make_vectors(Path(folder), options.vectors, options.dimension)
        name = "benchmarks.index_on_disk"
        rows = [
            ("built", child(name, what="build", limit_mb=options.limit_mb, **same)),
            ("searched, mapped", child(name, what="mapped", limit_mb=options.limit_mb, **same)),
            ("searched, in memory", child(name, what="memory", limit_mb=None, **same)),
        ]
        size = (Path(folder) / "index.faiss").stat().st_size
        print_table(
            f"{options.queries} queries over {options.vectors:,} random vectors of "
            f"{options.dimension} dimensions, an index of {size / 2**20:,.0f} MiB, depth "
            f"{options.depth}; limit {options.limit_mb} MiB. {describe_machine()}",
            [
                "step",
                "seconds",
                "CPU seconds",
                "own memory at most, MiB",
                "read from disk, MiB",
                "same rankings",
            ],
            [
                (
                    step,
                    f"{r['seconds']:.1f}",
                    f"{r['cpu']:.1f}",
                    r["own"],
                    r["read"],
                    _same(Path(folder), step),
                )
                for step, r in rows
            ],
        )


def make_vectors(folder: Path, count: int, dimension: int) -> None:
    """Write random vectors of length 1 as a file of embeddings."""
    from hn_assets.encoding.vectors.vector_file import VectorWriter

    writer = VectorWriter(folder / "vectors.arrow")
    for first in range(0, count, ROWS):
        ids = [f"{row:09}" for row in range(first, min(first + ROWS, count))]
        writer.write(ids, [bytes(16)] * len(ids), _unit(len(ids), dimension, first))
    writer.close()


def measure(
    what: str, folder: str, queries: int, depth: int, limit_mb: int | None
) -> dict[str, Any]:
    """Build the index, or search it after the system has forgotten what it had read."""
    import faiss

    from hn_assets.encoding.vectors.vector_file import VectorTable
    from hn_assets.retrieval.faiss_index import IDS_FILE, INDEX_FILE, build_index, open_index
    from hn_assets.retrieval.searcher import Searcher
    from hn_assets.settings.search import SearchSettings

    place = Path(folder)
    if limit_mb is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (limit_mb << 20, limit_mb << 20))
    for path in place.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    before, start, cpu_before = _bytes_read(), time.perf_counter(), time.process_time()
    with OwnMemory() as memory:
        documents = VectorTable(place / "vectors.arrow")
        if what == "build":
            build_index(documents, SearchSettings(), place)
        else:
            index: Any
            if what == "mapped":
                index = open_index(place / INDEX_FILE, place / IDS_FILE, documents)
            else:
                index = faiss.read_index(str(place / INDEX_FILE))
            asked = _unit(queries, documents.dimension, -1)
            rows, scores = Searcher(index, documents).find(asked, depth)
            np.savez(place / f"{what}.npz", rows=rows, scores=scores)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_before
    return {
        "seconds": seconds,
        "cpu": cpu,
        "own": memory.most >> 20,
        "read": (_bytes_read() - before) >> 20,
    }


def _same(folder: Path, step: str) -> str:
    if step != "searched, mapped":
        return ""
    ours, theirs = (np.load(folder / f"{what}.npz") for what in ("mapped", "memory"))
    return str(all(np.array_equal(ours[key], theirs[key]) for key in ("rows", "scores")))


def _unit(count: int, dimension: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed + 1).standard_normal((count, dimension), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _bytes_read() -> int:
    """What this process had the system read from disk, page faults of mapped files included."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("read_bytes")))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
    else:
        main()
