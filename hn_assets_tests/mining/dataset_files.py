"""The files of a ranked dataset, as the stages before mining write them."""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_file import VectorWriter
from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.store import schemas
from hn_assets_tests.mining.ranked_dataset import RankedDataset, VectorsInMemory, write_candidates


def write_dataset(dataset: RankedDataset, folder: Path) -> MiningFiles:
    """Write everything that mining reads; the text of a document names its number."""
    files = MiningFiles(
        corpus=folder / "corpus.parquet",
        queries=folder / "queries.parquet",
        qrels=folder / "qrels.parquet",
        corpus_embeddings=folder / "corpus_vectors.arrow",
        query_embeddings=folder / "query_vectors.arrow",
        faiss_index=folder / "index.faiss",
        faiss_index_ids=folder / "ids.parquet",
        candidates=folder / "candidates.parquet",
    )
    documents, queries = dataset.document_vectors, dataset.query_vectors
    corpus = [
        {"id": i, "title": f"Title {i}", "text": f"this is the passage with the number {i}"}
        for i in documents.ids
    ]
    pq.write_table(pa.Table.from_pylist(corpus, schema=schemas.CORPUS), files.corpus)
    rows = [
        {"id": i, "text": f"what is {i}?", "split": split, "prompt": None}
        for i, split in zip(dataset.queries.id, dataset.queries.split, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.QUERIES), files.queries)
    qrels = pa.Table.from_pandas(dataset.qrels, schema=schemas.QRELS, preserve_index=False)
    pq.write_table(qrels, files.qrels)
    _write_vectors(documents, files.corpus_embeddings)
    _write_vectors(queries, files.query_embeddings)
    index: Any = faiss.IndexFlatIP(documents.dimension)
    index.add(documents.vectors)
    faiss.write_index(index, str(files.faiss_index))
    ids = pd.DataFrame({"row": np.arange(len(documents)), "doc_id": documents.ids})
    pq.write_table(pa.Table.from_pandas(ids, schema=schemas.INDEX_IDS), files.faiss_index_ids)
    write_candidates(dataset, files.candidates)
    return files


def _write_vectors(vectors: VectorsInMemory, path: Path) -> None:
    writer = VectorWriter(path)
    writer.write(vectors.ids, [b"0" * 16] * len(vectors), vectors.vectors)
    writer.close()
