"""Exact search in large blocks beside blocks of 64 queries, as hn_mine cuts them.

    python -m benchmarks.search DATA/DATASET [--queries 20000] [--depth 210]

DATA/DATASET is where a dataset was materialized; its vectors are searched. Our figure includes what
FAISS alone does not give: scores computed pair by pair, and ties broken by document id.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import describe_machine, peak_memory_mib, print_table, rounds

CONTENDERS = {
    "hn_assets": {"who": "ours"},
    "FAISS, blocks of 64": {"who": "faiss", "block": 64},
    "FAISS, one block": {"who": "faiss", "block": 1 << 30},
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--depth", type=int, default=210)
    options = parser.parse_args()
    same = {
        "folder": str(options.folder.resolve()),
        "queries": options.queries,
        "depth": options.depth,
    }
    results = rounds("benchmarks.search", {k: {**same, **v} for k, v in CONTENDERS.items()})
    ours, found = results["hn_assets"]["seconds"], results["hn_assets"]
    print_table(
        f"{found['asked']:,.0f} queries over {found['documents']:,.0f} vectors, "
        f"depth {options.depth}. {describe_machine()}",
        ["contender", "seconds", "hn_assets is", "peak memory, MiB"],
        [
            (name, f"{r['seconds']:.2f}", f"{r['seconds'] / ours:.2f}x", r["memory"])
            for name, r in results.items()
        ],
    )


def measure(who: str, folder: str, queries: int, depth: int, block: int = 0) -> dict[str, Any]:
    """Search once; reading the vectors is not counted."""
    import faiss
    import numpy as np

    from hn_assets.encoding.vectors.vector_file import VectorSubset, VectorTable
    from hn_assets.retrieval.incremental_ranking import IncrementalRanking
    from hn_assets.retrieval.searcher import Searcher

    documents = VectorTable(Path(folder) / "corpus_embeddings/latest/vectors.arrow")
    asked = VectorTable(Path(folder) / "query_embeddings/latest/vectors.arrow")
    index: Any = faiss.IndexFlatIP(documents.dimension)
    for vectors in documents.blocks():
        index.add(np.ascontiguousarray(vectors))
    count = min(queries, len(asked))
    wanted = asked.take(np.arange(count, dtype=np.int64))
    index.search(wanted[:64], depth)  # threads started
    start = time.perf_counter()
    if who == "ours":
        subset = VectorSubset(asked, np.arange(count, dtype=np.int64))
        ranking = IncrementalRanking(Searcher(index, documents), documents, subset, depth, None)
        for _ in ranking.rank(memory_mb=512):
            pass
    else:
        for first in range(0, count, block):
            index.search(wanted[first : first + block], depth)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "memory": peak_memory_mib(),
        "asked": count,
        "documents": len(documents),
    }


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
    else:
        main()
