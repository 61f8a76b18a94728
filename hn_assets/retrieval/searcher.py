"""Search all queries and rank what comes back, the same way on every machine.

FAISS finds the documents; their scores are then computed pair by pair from the stored vectors and
ties are broken by document id. So a ranking does not depend on how queries were cut into blocks,
on the order of the corpus, or on whether a GPU with float16 storage did the search.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource
from hn_assets.hardware import Choice
from hn_assets.retrieval.faiss_index import flat_index, is_flat

SPARE = 16  # fetched beyond the depth, so that rounding at the cut can be put right
RESCORE_BYTES = 4 << 20  # of candidates' vectors in a thread at once: what a core's cache holds
BYTES_PER_CANDIDATE = 96  # ids, scores, order and copies of them, in FAISS and here
MOST_QUERIES = 4096  # at once: FAISS itself takes no more, and progress is told in between
FAISS_GPU_LIMIT = 2048  # largest k of a GPU index

# how far FAISS's score may be from ours, relative to the product of the norms
ROUNDING = {"cpu": 1e-5, "gpu": 4e-3}


@dataclass(frozen=True)
class Ranking:
    """The candidates of a block of queries.

    Attributes:
        first: position of the block's first query.
        rows: corpus rows, int64 of shape (queries, depth), best first; -1 where there are fewer.
        scores: inner products, float32 of the same shape.
    """

    first: int
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class Searcher:
    """Searches one index, block by block.

    Args:
        index: a FAISS index of inner products over the rows of `documents`, on `device`.
        documents: the vectors in the index.
        device: `cpu` or `gpu`: how coarsely the index computes, and how deep it can go.
        is_exact: whether the index compares a query with every document.
    """

    def __init__(
        self, index: Any, documents: VectorSource, device: str = "cpu", *, is_exact: bool = True
    ) -> None:
        self.documents = documents
        self.device = device
        # only an exact index promises the best documents, so only there a doubtful cut is widened
        self.is_exact = is_exact
        self.id_order = np.empty(len(documents), np.int64)
        self.id_order[np.argsort(np.array(documents.ids, dtype=object), kind="stable")] = np.arange(
            len(documents)
        )
        self._index = index
        self._stored = _stored_vectors(index, len(documents))
        self._largest_norm = max(
            (float(np.linalg.norm(block, axis=1).max()) for block in documents.blocks()),
            default=0.0,
        )

    def find(self, queries: Vectors, depth: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and scores of the `depth` best documents of each query, as in a `Ranking`.

        Args:
            queries: float32 of shape (queries, dimension), all searched at once.
            depth: documents wanted for each, at most as many as there are.
        """
        fetch = min(depth + SPARE, len(self.documents))
        rows = np.full((len(queries), depth), -1, np.int64)
        scores = np.full((len(queries), depth), -np.inf, np.float32)
        asked = np.arange(len(queries))
        while len(asked):
            found_scores, found = self._index.search(queries[asked], fetch)
            found, exact = self._rescore(queries[asked], found)
            rows[asked], scores[asked] = found[:, :depth], exact[:, :depth]
            may_widen = self.device == "cpu" or fetch * 2 <= FAISS_GPU_LIMIT
            if not self.is_exact or fetch == len(self.documents) or not may_widen:
                break
            # a document FAISS left out scores at most what its last one does
            slack = ROUNDING[self.device] * self._scale(queries[asked])
            asked = asked[found_scores[:, -1] + slack >= exact[:, depth - 1]]
            fetch = min(fetch * 2, len(self.documents))
        return rows, scores

    def _rescore(
        self, queries: Vectors, found: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and exact scores, best first; both of the shape of `found`."""
        rows, scores = np.empty_like(found), np.empty(found.shape, np.float32)
        step = max(1, RESCORE_BYTES // (4 * found.shape[1] * self.documents.dimension))

        def rescore(start: int) -> None:
            part = slice(start, start + step)
            rows[part], scores[part] = self._rescore_part(queries[part], found[part])

        # NumPy lets go of the interpreter while it gathers and multiplies
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(rescore, range(0, len(queries), step)))
        return rows, scores

    def _rescore_part(
        self, queries: Vectors, found: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        wanted = np.maximum(found, 0).reshape(-1)
        if self._stored is None:
            vectors = self.documents.take(wanted)
        else:
            vectors = self._stored.take(wanted, axis=0)
        scores = np.einsum("qd,qkd->qk", queries, vectors.reshape(*found.shape, -1))
        scores[found < 0] = -np.inf
        order = rank_order(scores, self.id_order[found])
        return np.take_along_axis(found, order, 1), np.take_along_axis(scores, order, 1)

    def _scale(self, queries: Vectors) -> NDArray[np.float32]:
        return np.linalg.norm(queries, axis=1) * self._largest_norm


def rank_order(scores: NDArray[np.float32], id_order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places of a row's candidates, best first, equal scores by id; shape as `scores`.

    Args:
        scores: of the candidates, one row per query.
        id_order: place of each candidate's id among all ids in order, of the same shape.
    """
    order = np.argsort(-scores, axis=1)
    ranked = np.take_along_axis(scores, order, 1)
    # ids are looked at only where scores are equal, as that takes twice as long
    tied = (ranked[:, 1:] == ranked[:, :-1]).any(axis=1)
    if tied.any():
        order[tied] = np.lexsort((id_order[tied], -scores[tied]), axis=1)
    return order


def queries_at_once(depth: int, dimension: int, memory_mb: int) -> int:
    """How many queries to search together within the memory.

    >>> queries_at_once(210, 384, 512), queries_at_once(2000, 384, 64)
    (4096, 344)
    """
    each = BYTES_PER_CANDIDATE * (depth + SPARE) + 4 * dimension
    return max(1, min(MOST_QUERIES, (memory_mb << 20) // each))


def query_blocks(
    count: int, depth: int, dimension: int, memory_mb: int
) -> Iterator[NDArray[np.int64]]:
    """The places of `count` queries, as many at a time as are searched together.

    >>> [len(block) for block in query_blocks(10_000, 210, 384, 512)]
    [4096, 4096, 1808]
    """
    block = queries_at_once(depth, dimension, memory_mb)
    for first in range(0, count, block):
        yield np.arange(first, min(first + block, count), dtype=np.int64)


def _stored_vectors(index: Any, count: int) -> Vectors | None:
    """The vectors inside a flat index in main memory, not copied; quicker to gather than others."""
    import faiss

    if not is_flat(index) or not index.ntotal:
        return None
    return faiss.rev_swig_ptr(index.get_xb(), count * index.d).reshape(count, index.d)


def pair_scores(
    queries: VectorSource,
    query_rows: NDArray[np.int64],
    documents: VectorSource,
    document_rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """The inner product of each (query, document) pair: float32, shape (pairs,)."""
    out = np.empty(len(query_rows), np.float32)
    for start in range(0, len(out), 65_536):
        part = slice(start, start + 65_536)
        left, right = queries.take(query_rows[part]), documents.take(document_rows[part])
        out[part] = np.einsum("qd,qkd->qk", left, right[:, None, :])[:, 0]
    return out


def recall_against_exact(
    ranking: Ranking, queries: VectorSource, documents: VectorSource, sample: int = 200
) -> float:
    """The share of the exactly best documents that `ranking` holds, over a sample of its queries.

    Args:
        ranking: from an approximate index.
        queries: the queries it ranks, from position `ranking.first` on.
        documents: the vectors that were searched.
        sample: at most so many queries, evenly spread over the ranking.
    """
    picked = np.unique(np.linspace(0, len(ranking.rows) - 1, sample).astype(np.int64))
    best, _ = Searcher(flat_index(documents), documents).find(
        queries.take(picked + ranking.first), ranking.rows.shape[1]
    )
    shares = [
        len(np.intersect1d(ranking.rows[q], rows)) / len(rows)
        for q, rows in zip(picked, best, strict=True)
    ]
    return float(np.mean(shares))


def place_index(index: Any, choice: Choice, depth: int) -> tuple[Any, Choice]:
    """Put the index where `choice` wants it, if it can go there.

    Args:
        index: a FAISS index on the CPU.
        choice: `gpu` for all cards, the index sharded over them in float16; or `cpu`.
        depth: how many documents a search will ask for.

    Returns:
        The index to search, and where it is; with the reason where that is not the GPU after all.
    """
    import faiss

    if choice.value == "cpu":
        return index, choice
    if depth + SPARE > FAISS_GPU_LIMIT:
        reason = f"FAISS finds at most {FAISS_GPU_LIMIT - SPARE} documents on a GPU, not {depth}"
        return index, Choice("cpu", reason, fell_back=True)
    options = faiss.GpuMultipleClonerOptions()
    options.shard = True
    options.useFloat16 = True
    try:
        return faiss.index_cpu_to_all_gpus(index, co=options), choice
    except RuntimeError as error:
        reason = f"FAISS cannot put this index on a GPU: {str(error).strip().splitlines()[-1]}"
        return index, Choice("cpu", reason, fell_back=True)
