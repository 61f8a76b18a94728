"""Small files of vectors, and vectors as another CPU might have computed them."""

from pathlib import Path

import numpy as np

from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter


def make_table(path: Path, vectors: np.ndarray, ids: list[str] | None = None) -> VectorTable:
    """Write vectors, by default with the ids 0000, 0001, ..."""
    writer = VectorWriter(path)
    ids = ids or [f"{i:04}" for i in range(len(vectors))]
    writer.write(ids, [bytes(16)] * len(ids), vectors.astype(np.float32))
    writer.close()
    return VectorTable(path)


def unit_vectors(count: int, dimension: int = 8, seed: int = 0) -> np.ndarray:
    """Random vectors of length 1, float32."""
    vectors = np.random.default_rng(seed).normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def round_differently(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """The vectors as a CPU gives them that rounds otherwise in other batches: 1e-7 away."""
    noise = np.random.default_rng(seed).uniform(-1e-7, 1e-7, vectors.shape)
    return (vectors + noise).astype(np.float32)
