"""Texts for people to read beside the figures."""

from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet as pq


def read_texts(corpus: Path, ids: Collection[str]) -> dict[str, str]:
    """Title and text of a few documents, by id, without reading the others into memory."""
    found: dict[str, str] = {}
    for batch in pq.ParquetFile(corpus).iter_batches():
        rows = [row for row, doc in enumerate(batch.column("id").to_pylist()) if doc in ids]
        for row in batch.take(rows).to_pylist():
            found[row["id"]] = " — ".join(part for part in (row["title"], row["text"]) if part)
    return found
