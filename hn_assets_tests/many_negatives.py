"""The files of a refresh with many negatives, to see how much memory is taken to look at them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_file import VectorWriter
from hn_assets.store import schemas

QUERIES, DOCUMENTS, EACH = 2_000, 20_000, 15


@dataclass(frozen=True)
class ManyNegatives:
    """The files; negatives are of random documents, and each query has one positive."""

    negatives: Path
    corpus: Path
    queries: Path
    qrels: Path
    vectors: Path

    @property
    def count(self) -> int:
        """How many negatives there are."""
        return QUERIES * EACH


def write_many_negatives(folder: Path) -> ManyNegatives:
    """Write the files into an existing folder."""
    generator = np.random.default_rng(0)
    query_ids = pa.array([f"query-{n}" for n in range(QUERIES)])
    document_ids = pa.array([f"document-{n}" for n in range(DOCUMENTS)])
    texts = pa.array([f"what document {n} says" for n in range(DOCUMENTS)])
    names = ("negatives", "corpus", "queries", "qrels")
    files = {name: folder / f"{name}.parquet" for name in names}
    titles = pa.array([""] * DOCUMENTS)
    pq.write_table(pa.table([document_ids, titles, texts], schema=schemas.CORPUS), files["corpus"])
    train = pa.array(["train"] * QUERIES)
    asked = [query_ids, texts.slice(0, QUERIES), train, pa.nulls(QUERIES, pa.string())]
    pq.write_table(pa.table(asked, schema=schemas.QUERIES), files["queries"])
    ones = pa.array(np.ones(QUERIES, np.int32))
    judged = [query_ids, document_ids.slice(0, QUERIES), ones, train]
    pq.write_table(pa.table(judged, schema=schemas.QRELS), files["qrels"])
    query = np.repeat(np.arange(QUERIES), EACH)
    # no positive is among them
    document = np.concatenate(
        [generator.choice(DOCUMENTS - QUERIES, EACH, replace=False) for _ in range(QUERIES)]
    )
    numbers = [pa.array(generator.random(len(query)).astype(np.float32)) for _ in range(3)]
    lists = pa.array(np.arange(len(query) + 1, dtype=np.int32))
    nothing = pa.nulls(len(query), pa.float32())
    columns = [
        query_ids.take(pa.array(query)),
        document_ids.take(pa.array(document + QUERIES)),
        pa.array(["dense"] * len(query)),
        pa.array(np.tile(np.arange(EACH, dtype=np.int32), QUERIES)),
        *numbers,
        nothing,
        nothing,
        pa.ListArray.from_arrays(lists, document_ids.take(pa.array(query))),
        pa.ListArray.from_arrays(lists, pa.array((query / QUERIES).astype(np.float32))),
    ]
    table = pa.table(columns, schema=schemas.HARD_NEGATIVES)
    pq.write_table(table, files["negatives"], row_group_size=2_000)
    vectors = folder / "vectors.arrow"
    writer = VectorWriter(vectors)
    keys = [n.to_bytes(16, "little") for n in range(DOCUMENTS)]
    writer.write(document_ids, keys, np.ones((DOCUMENTS, 2), np.float32))
    writer.close()
    return ManyNegatives(vectors=vectors, **files)
