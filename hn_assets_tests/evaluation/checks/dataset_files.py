"""Small corpora, queries, qrels and vectors, written as the stages write them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_file import VectorWriter
from hn_assets.store import schemas

TEXTS = {"a": "apples", "b": "bread", "c": "cherries", "d": "dates"}


def write_corpus(folder: Path, texts: dict[str, str], *, twice: str = "") -> Path:
    rows = [{"id": i, "title": "", "text": text} for i, text in texts.items()]
    rows += [row for row in rows if row["id"] == twice]
    path = folder / "corpus.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.CORPUS), path)
    return path


def write_queries(folder: Path, *ids: str) -> Path:
    rows = [{"id": i, "text": f"query {i}", "split": "train", "prompt": None} for i in ids]
    path = folder / "queries.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.QUERIES), path)
    return path


def write_qrels(folder: Path, *rows: tuple[str, str, int, str]) -> Path:
    names = schemas.QRELS.names
    path = folder / "qrels.parquet"
    judged = [dict(zip(names, row, strict=True)) for row in rows]
    pq.write_table(pa.Table.from_pylist(judged, schema=schemas.QRELS), path)
    return path


def write_vectors(folder: Path, ids: list[str], values: np.ndarray) -> Path:
    path = folder / "vectors.arrow"
    writer = VectorWriter(path)
    writer.write(ids, [bytes(16)] * len(ids), values.astype(np.float32))
    writer.close()
    return path


def unit_vectors(count: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, 8))
    return values / np.linalg.norm(values, axis=1, keepdims=True)
