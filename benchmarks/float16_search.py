"""Exact rankings from an index in float16, as cards have it, emulated on the CPU.

    python -m benchmarks.float16_search DATA/DATASET [--queries 5000] [--depths 210,1500]

DATA/DATASET is where a dataset was materialized; its vectors are searched. Rankings are compared
with those of FAISS's exact index in float32.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.gpu_parts.half_index import HalfIndex
from benchmarks.measure import describe_machine, print_table
from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource, VectorTable
from hn_assets.retrieval.faiss_index import flat_index
from hn_assets.retrieval.score_error import ScoreError
from hn_assets.retrieval.scores import inner_products
from hn_assets.retrieval.searcher import Searcher

BLOCK = 1000  # queries


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=int, default=5000)
    parser.add_argument("--depths", default="210,1500")
    options = parser.parse_args()
    documents = VectorTable(options.folder / "corpus_embeddings/latest/vectors.arrow")
    asked = VectorTable(options.folder / "query_embeddings/latest/vectors.arrow")
    queries = asked.take(np.arange(min(options.queries, len(asked))))
    depths = [min(int(depth), len(documents)) for depth in options.depths.split(",")]
    rows = list(compare(documents, queries, depths))
    print_table(
        f"{len(queries):,} queries over {len(documents):,} vectors of {documents.dimension} "
        f"dimensions. {describe_machine()}",
        list(rows[0]),
        [tuple(row.values()) for row in rows],
    )


def compare(
    documents: VectorSource, queries: Vectors, depths: list[int]
) -> Iterator[dict[str, object]]:
    """A row for each depth."""
    index = HalfIndex(documents, "cpu")
    exact = Searcher(flat_index(documents), documents)
    bound = ScoreError(documents, in_float16=True).of_index(queries).max()
    error = max(_largest_error(index, documents, part) for part in _parts(queries))
    for depth in depths:
        searcher = Searcher(index, documents, "gpu")
        equal, seconds = 0, 0.0
        for part in _parts(queries):
            start = time.perf_counter()
            rows, scores = searcher.find(part, depth)
            seconds += time.perf_counter() - start
            right, right_scores = exact.find(part, depth)
            equal += int(((rows == right) & (scores == right_scores)).all(axis=1).sum())
        yield {
            "depth": depth,
            "largest error of a score": f"{error:.1e}",
            "bound": f"{bound:.1e}",
            "queries searched again": searcher.searched_again,
            "of these compared with all": searcher.compared_with_all,
            "rankings equal to exact search": f"{equal:,} of {len(queries):,}",
            "ms a query": f"{seconds / len(queries) * 1e3:.2f}",
        }


def _parts(queries: Vectors) -> Iterator[Vectors]:
    for start in range(0, len(queries), BLOCK):
        yield queries[start : start + BLOCK]


def _largest_error(index: HalfIndex, documents: VectorSource, queries: Vectors) -> float:
    scores, rows = index.search(queries, 100)
    worst = 0.0
    for query, row, score in zip(queries, rows, scores, strict=True):
        right = inner_products(query[None], documents.take(row)[None])[0]
        worst = max(worst, float(np.abs(score - right).max()))
    return worst


if __name__ == "__main__":
    main()
