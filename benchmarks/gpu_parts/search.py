"""The search of hn_assets with its index on the card: speed, doubtful queries, and the documents.

FAISS's index is searched if this FAISS has one for cards, else PyTorch's in its place. Everything
else is what a run does: slack, second searches, and scores computed again from float32 vectors.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu_parts.base import Row, Setting
from benchmarks.gpu_parts.half_index import HalfIndex
from hn_assets.encoding.vectors.vector_file import Vectors

ROWS_PER_BLOCK = 8192  # as files of vectors have them
ROWS_AT_ONCE = 1 << 18  # that are drawn
DEPTHS = {1_000_000: (210, 436, 1_500, 2_032), 10_000_000: (210, 1_500)}
SAMPLE = 200  # queries that are compared with those of the CPU


class MemoryVectors:
    """Vectors in main memory, with ids; a `VectorSource`."""

    def __init__(self, vectors: Vectors) -> None:
        self.dimension = vectors.shape[1]
        self.ids = [f"{row:08}" for row in range(len(vectors))]
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self) -> Iterator[Vectors]:
        """The vectors block by block."""
        for start in range(0, len(self), ROWS_PER_BLOCK):
            yield self._vectors[start : start + ROWS_PER_BLOCK]

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """A copy of the vectors of `rows`."""
        return self._vectors.take(rows, axis=0)


def run(setting: Setting) -> Iterator[Row]:
    """A row per number of documents and depth."""
    from hn_assets.retrieval.faiss_index import flat_index
    from hn_assets.retrieval.searcher import Searcher

    dimension, count = (32, 300) if setting.small else (768, 4096)
    for documents, depths in ({2_000: (20,)} if setting.small else DEPTHS).items():
        corpus = MemoryVectors(_unit_vectors(setting, documents, dimension, seed=0))
        queries = _unit_vectors(setting, count, dimension, seed=1)
        index, name = _index(setting, corpus)
        searcher = Searcher(index, corpus, "gpu")
        searcher.find(queries[:64], depths[0])
        on_cpu = Searcher(flat_index(corpus), corpus)
        for depth in depths:
            yield {
                "documents": f"{documents:,}",
                "depth": depth,
                "index": name,
                **_measure(setting, searcher, index, queries, depth),
                **_against_cpu(searcher, on_cpu, queries[:SAMPLE], depth),
            }


def _measure(setting: Setting, searcher: Any, index: Any, queries: Vectors, depth: int) -> Row:
    searcher.searched_again = searcher.compared_with_all = 0
    before = getattr(index, "seconds", 0.0)
    seconds = setting.timed(lambda: searcher.find(queries, depth), repeats=1, warm=0)
    card = getattr(index, "seconds", 0.0) - before
    return {
        "queries": f"{len(queries):,}",
        "queries/s": f"{len(queries) / seconds:,.0f}",
        "of which the card's search": f"{card / seconds:.0%}" if card else "unknown",
        "searched again": searcher.searched_again,
        "compared with all on the CPU": searcher.compared_with_all,
    }


def _against_cpu(searcher: Any, on_cpu: Any, queries: Vectors, depth: int) -> Row:
    rows, scores = searcher.find(queries, depth)
    exact_rows, exact_scores = on_cpu.find(queries, depth)
    same = (rows == exact_rows).all(axis=1) & (scores == exact_scores).all(axis=1)
    return {"rankings equal to the CPU's": f"{int(same.sum())} of {len(same)}"}


def _index(setting: Setting, corpus: MemoryVectors) -> tuple[Any, str]:
    """The index on the card, and whose it is."""
    from hn_assets.hardware import choose_faiss_device
    from hn_assets.retrieval.faiss_index import place_flat_index
    from hn_assets.retrieval.gpu_index import why_not_usable
    from hn_assets.settings.compute import ComputeSettings

    if setting.has_card:
        choice = choose_faiss_device(ComputeSettings(device=setting.device))
        if choice.value == "gpu" and not why_not_usable(choice.cards):
            return place_flat_index(corpus, choice)[0], "FAISS"
    return HalfIndex(corpus, setting.device), "PyTorch"


def _unit_vectors(setting: Setting, count: int, dimension: int, seed: int) -> Vectors:
    """Unit vectors that lie in clusters, as those of texts do, in main memory."""
    import torch

    generator = torch.Generator(setting.device).manual_seed(seed)
    shared = torch.Generator(setting.device).manual_seed(99)
    centres = torch.randn(1000, dimension, generator=shared, device=setting.device)
    made = np.empty((count, dimension), np.float32)
    for start in range(0, count, ROWS_AT_ONCE):
        size = (min(ROWS_AT_ONCE, count - start), dimension)
        noise = torch.randn(*size, generator=generator, device=setting.device)
        picked = torch.randint(1000, size[:1], generator=generator, device=setting.device)
        vectors = torch.nn.functional.normalize(centres[picked] + 1.5 * noise, dim=1)
        torch.from_numpy(made[start : start + size[0]]).copy_(vectors)
    return made
