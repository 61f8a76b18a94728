"""Kinds of FAISS indexes on real vectors: size, memory, time, and what they find.

    python -m benchmarks.index_kinds DATA/DATASET [--queries 2000] [--depth 210]

DATA/DATASET is where a dataset was materialized with vectors in float32. Each kind is built once
and searched three times, as the package does it. Times are of all cores together, so that other
work of the machine changes them little. `negatives` is the share of 15 negatives of each query,
drawn at random from rank 10 on, that exact search gives as well. Memory is what cannot be taken
back, beyond what the process took before.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import child, describe_machine, print_table

# The index, the precision of the stored vectors, and the parameters it is searched with.
KINDS = [
    ("Flat", "float32", [""]),
    ("Flat", "float16", [""]),
    ("IVF1024,Flat", "float32", ["nprobe=16", "nprobe=64"]),
    ("IVF1024,SQ8", "float32", ["nprobe=64"]),
    ("IVF1024,PQ48", "float32", ["nprobe=64"]),
    ("HNSW32", "float32", ["efSearch=256"]),
]
SEARCHES = 3  # of which the median counts
FIRST_RANK = 10
NEGATIVES = 15
EXACT = "exact.npy"


class OwnMemory:
    """Watches the memory of this process that cannot be taken back, as mapped files can."""

    def __init__(self) -> None:
        self._before = self.most = own_memory()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "OwnMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def grown_mib(self) -> int:
        """By how much it had grown at most."""
        return (self.most - self._before) >> 20

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.most = max(self.most, own_memory())


def own_memory() -> int:
    """The bytes of anonymous memory of this process."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) << 10 if found else 0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--depth", type=int, default=210)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        same = {
            "folder": str(options.folder.resolve()),
            "scratch": scratch,
            "queries": options.queries,
            "depth": options.depth,
        }
        results: list[dict[str, Any]] = []
        for index, precision, parameters in KINDS:
            kind = {"index": index, "precision": precision, "parameters": parameters}
            results += child("benchmarks.index_kinds", **same, **kind)["searches"]
            print(results[-1], file=sys.stderr, flush=True)
    found = results[0]
    print_table(
        f"{found['asked']:,} queries over {found['documents']:,} vectors of "
        f"{found['dimension']} dimensions, depth {options.depth}. {describe_machine()}",
        [
            "index",
            "file, MiB",
            "built in, CPU s",
            "memory to build, MiB",
            "memory to search, MiB",
            "queries/CPU s",
            *(f"recall@{depth}" for depth in (10, 100, options.depth)),
            "negatives",
        ],
        [
            (
                r["name"],
                f"{r['bytes'] / 2**20:.0f}",
                f"{r['build_seconds']:.1f}",
                r["build_memory"],
                r["search_memory"],
                f"{r['asked'] / r['seconds']:,.0f}",
                *(f"{r[key]:.4f}" for key in ("at_10", "at_100", "at_depth")),
                f"{r['negatives']:.1%}",
            )
            for r in results
        ],
    )


def measure(
    folder: str,
    scratch: str,
    queries: int,
    depth: int,
    index: str,
    precision: str,
    parameters: list[str],
) -> dict[str, Any]:
    """Build the index and search it; the first one that is measured is the exact one."""
    from benchmarks.float16_storage import store
    from hn_assets.encoding.vectors.vector_file import VectorTable
    from hn_assets.mining.rules.sampling import hash_ids
    from hn_assets.retrieval.faiss_index import (
        IDS_FILE,
        INDEX_FILE,
        apply_search_parameters,
        build_index,
        is_flat,
        open_index,
    )
    from hn_assets.retrieval.searcher import Searcher
    from hn_assets.settings.search import SearchSettings

    place = Path(scratch)
    source = Path(folder) / "corpus_embeddings/latest/vectors.arrow"
    documents = VectorTable(source) if precision == "float32" else store(source, place, precision)
    asked = VectorTable(Path(folder) / "query_embeddings/latest/vectors.arrow")
    count = min(queries, len(asked))
    wanted = asked.take(np.arange(count, dtype=np.int64))
    documents.ids.rows_of([])  # what it imports is no part of the index
    with OwnMemory() as to_build:
        start = time.process_time()
        report = build_index(documents, SearchSettings(index=index), place)
        build_seconds = time.process_time() - start
    hashes = hash_ids(asked.ids[:count], 0), hash_ids(documents.ids, 0)
    searches: list[dict[str, Any]] = []
    for given in parameters:
        with OwnMemory() as to_search:
            opened = open_index(place / INDEX_FILE, place / IDS_FILE, documents)
            apply_search_parameters(opened, given)
            searcher = Searcher(opened, documents, is_exact=is_flat(opened, documents))
            rows, _ = searcher.find(wanted[:64], depth)  # threads started, pages read
            taken: list[float] = []
            for _ in range(SEARCHES):
                start = time.process_time()
                rows, _ = searcher.find(wanted, depth)
                taken.append(time.process_time() - start)
        if not (place / EXACT).exists():
            np.save(place / EXACT, rows)
        exact = np.load(place / EXACT)
        stored = ", stored in float16" if precision == "float16" else ""
        searches.append(
            {
                "name": f"{index}{stored}{given and f', {given}'}",
                "bytes": report.bytes,
                "build_seconds": build_seconds,
                "build_memory": to_build.grown_mib,
                "search_memory": to_search.grown_mib,
                "seconds": statistics.median(taken),
                "at_10": _shared(rows[:, :10], exact[:, :10]),
                "at_100": _shared(rows[:, :100], exact[:, :100]),
                "at_depth": _shared(rows, exact),
                "negatives": _shared(_negatives(rows, *hashes), _negatives(exact, *hashes)),
                "asked": count,
                "documents": len(documents),
                "dimension": documents.dimension,
            }
        )
    return {"searches": searches}


def _negatives(
    rows: NDArray[np.int64], queries: NDArray[np.uint64], documents: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Of each query, the documents from `FIRST_RANK` on whose random keys are the smallest."""
    from hn_assets.mining.rules.sampling import random_keys

    window = rows[:, FIRST_RANK:]
    keys = random_keys(queries[:, None], documents[np.maximum(window, 0)])
    keys[window < 0] = np.iinfo(np.uint64).max
    return np.take_along_axis(window, np.argsort(keys, axis=1)[:, :NEGATIVES], 1)


def _shared(found: NDArray[np.int64], exact: NDArray[np.int64]) -> float:
    """The share of the exact rows that were found, a mean over queries."""
    pairs = zip(found, exact, strict=True)
    return float(np.mean([len(np.intersect1d(*pair)) / len(pair[1]) for pair in pairs]))


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
    else:
        main()
