"""Build a FAISS index from stored vectors, keep it as a file, and open it again."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_file import VectorSource, VectorTable
from hn_assets.errors import SearchError, SettingsError, StoreError
from hn_assets.settings.search import SearchSettings
from hn_assets.store.tables import INDEX_IDS

INDEX_FILE = "index.faiss"
IDS_FILE = "ids.parquet"
TRAINING_SAMPLE = 200_000  # vectors: enough for 1,000 to 5,000 k-means centroids


@dataclass(frozen=True)
class IndexReport:
    """What was built.

    Attributes:
        kind: the index_factory string.
        vectors: rows in the index.
        dimension: of each vector.
        bytes: size of the index file.
        seconds: to train, add and write.
    """

    kind: str
    vectors: int
    dimension: int
    bytes: int
    seconds: float


def build_index(vectors: VectorTable, settings: SearchSettings, folder: Path) -> IndexReport:
    """Write `index.faiss` and its row -> document id map `ids.parquet` into `folder`.

    Raises:
        SettingsError: FAISS does not know the index string, or cannot train it on so few vectors.
        OSError: the index cannot be written.
    """
    import faiss

    start = time.perf_counter()
    index = _new_index(faiss, vectors.dimension, settings)
    try:
        if not index.is_trained:
            sample = np.random.default_rng(0).permutation(len(vectors))[:TRAINING_SAMPLE]
            index.train(vectors.take(np.sort(sample).astype(np.int64)))
    except RuntimeError as error:
        raise SettingsError(
            f"search.index {settings.index!r} cannot be trained on {len(vectors)} vectors: "
            f"{_last_line(error)}"
        ) from error
    for block in vectors.blocks():
        index.add(np.ascontiguousarray(block))
    path = folder / INDEX_FILE
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:  # FAISS hides errno
        raise OSError(None, f"FAISS could not write the index: {_last_line(error)}") from error
    rows = pa.array(np.arange(len(vectors), dtype=np.int64))
    table = pa.table([rows, pa.array(vectors.ids, pa.string())], schema=INDEX_IDS)
    pq.write_table(table, folder / IDS_FILE, compression="zstd")
    return IndexReport(
        kind=settings.index,
        vectors=len(vectors),
        dimension=vectors.dimension,
        bytes=path.stat().st_size,
        seconds=time.perf_counter() - start,
    )


def open_index(index_file: Path, ids_file: Path, vectors: VectorTable) -> Any:
    """The index, after a check that it holds exactly these documents.

    Raises:
        StoreError: the file is no FAISS index.
        SearchError: its rows, ids or dimension are not those of `vectors`.
    """
    import faiss

    try:
        index = faiss.read_index(str(index_file))
    except RuntimeError as error:
        raise StoreError(
            f"{index_file} is damaged: FAISS cannot read it ({_last_line(error)}); materialize "
            f"faiss_index again"
        ) from error
    ids = pq.read_table(ids_file).column("doc_id").to_pylist()
    if index.d != vectors.dimension or index.ntotal != len(vectors) or ids != vectors.ids:
        raise SearchError(
            f"{index_file} was built from other vectors ({index.ntotal} of dimension {index.d}) "
            f"than corpus_embeddings holds ({len(vectors)} of dimension {vectors.dimension}); "
            f"materialize faiss_index again"
        )
    return index


def flat_index(vectors: VectorSource) -> Any:
    """An exact index of inner products over `vectors`, in main memory."""
    import faiss

    index: Any = faiss.IndexFlatIP(vectors.dimension)
    for block in vectors.blocks():
        index.add(np.ascontiguousarray(block))
    return index


def is_flat(index: Any) -> bool:
    """Whether a search compares the query with every vector, as it is."""
    import faiss

    return isinstance(index, faiss.IndexFlat)


def apply_search_parameters(index: Any, parameters: str) -> None:
    """Set run-time parameters such as `nprobe=32` on the index.

    Raises:
        SettingsError: the index has no such parameter.
    """
    import faiss

    if not parameters:
        return
    try:
        faiss.ParameterSpace().set_index_parameters(index, parameters)
    except RuntimeError as error:
        raise SettingsError(
            f"search.search_parameters {parameters!r} do not fit the index: {_last_line(error)}"
        ) from error


def _new_index(faiss: Any, dimension: int, settings: SearchSettings) -> Any:
    if settings.index == "Flat":
        return faiss.IndexFlatIP(dimension)
    try:
        return faiss.index_factory(dimension, settings.index, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise SettingsError(
            f"search.index {settings.index!r} is no FAISS index_factory string for dimension "
            f"{dimension}: {_last_line(error)}"
        ) from error


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
