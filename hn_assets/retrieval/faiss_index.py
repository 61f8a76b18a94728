"""Build a FAISS index from stored vectors, keep it as a file, and open it again."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_file import StoredVectors, VectorSource, VectorTable
from hn_assets.errors import SearchError, SettingsError, StoreError
from hn_assets.hardware import FaissChoice
from hn_assets.ids import Ids
from hn_assets.retrieval import gpu_index
from hn_assets.retrieval.flat_search import FlatSearch
from hn_assets.retrieval.index_writer import write_by_blocks
from hn_assets.retrieval.mapped_index import read_mapped
from hn_assets.retrieval.ranking import SPARE
from hn_assets.settings.search import SearchSettings
from hn_assets.store import layout
from hn_assets.store.schemas import INDEX_IDS

INDEX_FILE = layout.FAISS_INDEX.name
IDS_FILE = layout.FAISS_INDEX_IDS.name
FAISS_GPU_LIMIT = 2048  # largest k of a GPU index
TRAINING_SAMPLE = 200_000  # vectors: enough for 1,000 to 5,000 k-means centroids


@dataclass(frozen=True)
class IndexReport:
    """What was built.

    Attributes:
        kind: The index_factory string, and what a flat index holds its vectors in.
        vectors: How many rows the index holds.
        dimension: The dimension of each vector.
        bytes: The size of the index file.
        seconds: What training, adding and writing took.
        in_memory: Whether all its vectors had to be in memory, as FAISS writes such an index only
            from there.
    """

    kind: str
    vectors: int
    dimension: int
    bytes: int
    seconds: float
    in_memory: bool


def build_index(vectors: VectorTable, settings: SearchSettings, folder: Path) -> IndexReport:
    """Write the index and its map from rows to document ids into `folder`.

    The files are `INDEX_FILE` and `IDS_FILE`.

    Raises:
        SettingsError: FAISS does not know the index string, or cannot train it on so few vectors.
        OSError: The index cannot be written.
    """
    import faiss

    start = time.perf_counter()
    index = _new_index(faiss, vectors, settings)
    try:
        if not index.is_trained:
            sample = np.random.default_rng(0).permutation(len(vectors))[:TRAINING_SAMPLE]
            index.train(vectors.take(np.sort(sample).astype(np.int64)))
    except RuntimeError as error:
        raise SettingsError(
            f"search.index {settings.index!r} cannot be trained on {len(vectors)} vectors: "
            f"{_last_line(error)}"
        ) from error
    path = folder / INDEX_FILE
    in_memory = not write_by_blocks(index, vectors, path)
    if in_memory:
        for block in vectors.blocks():
            index.add(np.ascontiguousarray(block))
        try:
            faiss.write_index(index, str(path))
        except RuntimeError as error:  # FAISS hides the errno
            raise OSError(None, f"FAISS could not write the index: {_last_line(error)}") from error
    rows = pa.array(np.arange(len(vectors), dtype=np.int64))
    table = pa.table([rows, vectors.ids.column.cast(pa.string())], schema=INDEX_IDS)
    pq.write_table(table, folder / IDS_FILE, compression="zstd")
    return IndexReport(
        kind=f"Flat in {vectors.precision}" if settings.index == "Flat" else settings.index,
        vectors=len(vectors),
        dimension=vectors.dimension,
        bytes=path.stat().st_size,
        seconds=time.perf_counter() - start,
        in_memory=in_memory,
    )


def open_index(
    index_file: Path, ids_file: Path, vectors: VectorTable, *, in_memory: bool = False
) -> Any:
    """The index, after a check that it holds exactly these documents.

    Its vectors, codes and lists are mapped from the file: the system reads what is searched, and
    can take the memory back.

    Args:
        index_file: The index.
        ids_file: The document id of each of its rows.
        vectors: What it must hold.
        in_memory: Whether all of it is read, as FAISS needs it to copy an index to cards.

    Raises:
        StoreError: The file is no FAISS index.
        SearchError: Its rows, ids or dimension are not those of `vectors`.
    """
    import faiss

    try:
        index = faiss.read_index(str(index_file)) if in_memory else read_mapped(index_file)
    except RuntimeError as error:
        raise StoreError(
            f"{index_file} is damaged: FAISS cannot read it ({_last_line(error)}); materialize "
            f"faiss_index again"
        ) from error
    ids = Ids(pq.read_table(ids_file).column("doc_id"))
    if index.d != vectors.dimension or index.ntotal != len(vectors) or ids != vectors.ids:
        raise SearchError(
            f"{index_file} was built from other vectors ({index.ntotal} of dimension {index.d}) "
            f"than corpus_embeddings holds ({len(vectors)} of dimension {vectors.dimension}); "
            f"materialize faiss_index again"
        )
    return index


def flat_index(vectors: VectorSource) -> FlatSearch:
    """An exact search of inner products with `vectors`, of which no copy is kept."""
    return FlatSearch(vectors)


def is_flat(index: Any, vectors: VectorTable) -> bool:
    """Whether a search compares the query with every vector of `vectors`, as it is stored."""
    import faiss

    if vectors.precision == "float16" and _is_in_float16(index):
        return True
    return isinstance(index, faiss.IndexFlat)


def stored_vectors(index: Any, count: int) -> StoredVectors | None:
    """The vectors inside an exact index on the CPU, not copied; None for any other index.

    They lie in one array, and are quicker to gather than those of a file in blocks.
    """
    import faiss

    if not count:
        return None
    if _is_in_float16(index):
        codes = faiss.rev_swig_ptr(index.codes.data(), 2 * count * index.d)
        return codes.view(np.float16).reshape(count, index.d)
    if not isinstance(index, faiss.IndexFlat):
        return None
    return faiss.rev_swig_ptr(index.get_xb(), count * index.d).reshape(count, index.d)


def place_index(
    index: Any, vectors: VectorTable, choice: FaissChoice, depth: int
) -> tuple[Any, FaissChoice]:
    """Put the index on the device that `choice` names, if it can go there.

    Args:
        index: A FAISS index on the CPU.
        vectors: The vectors that it holds.
        choice: `gpu` for its cards, the index spread over them in float16; or `cpu`.
        depth: How many documents a search will ask for.

    Returns:
        The index to search, and where it is; with the reason if that is not the GPU after all.
    """
    choice = usable_choice(choice, depth)
    if choice.value == "cpu":
        return index, choice
    try:
        if is_flat(index, vectors):
            return gpu_index.fill_flat_index(vectors, choice.cards), choice
        return gpu_index.clone_index(index, choice.cards), choice
    except RuntimeError as error:
        return index, _cpu_after(error)


def usable_choice(choice: FaissChoice, depth: int) -> FaissChoice:
    """The choice, or the CPU if FAISS does not work on its cards or cannot go so deep there.

    Args:
        choice: From `choose_faiss_device`.
        depth: How many documents a search will ask for.
    """
    if choice.value == "cpu":
        return choice
    if depth + SPARE > FAISS_GPU_LIMIT:
        reason = f"FAISS finds at most {FAISS_GPU_LIMIT - SPARE} documents on a GPU, not {depth}"
        return FaissChoice("cpu", reason, fell_back=True)
    if reason := gpu_index.why_not_usable(choice.cards):
        return FaissChoice("cpu", reason, fell_back=True)
    return choice


def place_flat_index(vectors: VectorSource, choice: FaissChoice) -> tuple[Any, FaissChoice]:
    """An exact index over `vectors` on the device that `choice` names.

    Args:
        vectors: To be searched no deeper than an index that `place_index` placed there.
        choice: What `place_index` or `usable_choice` returned.

    Returns:
        The index to search, and where it is; with the reason if that is not the GPU after all.
    """
    if choice.value == "cpu":
        return flat_index(vectors), choice
    try:
        return gpu_index.fill_flat_index(vectors, choice.cards), choice
    except RuntimeError as error:
        return flat_index(vectors), _cpu_after(error)


def apply_search_parameters(index: Any, parameters: str) -> None:
    """Set run-time parameters such as `nprobe=32` on the index.

    Raises:
        SettingsError: The index has no such parameter.
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


def _new_index(faiss: Any, vectors: VectorTable, settings: SearchSettings) -> Any:
    dimension, metric = vectors.dimension, faiss.METRIC_INNER_PRODUCT
    if settings.index == "Flat" and vectors.precision == "float16":
        return faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, metric)
    if settings.index == "Flat":
        return faiss.IndexFlatIP(dimension)
    try:
        return faiss.index_factory(dimension, settings.index, metric)
    except RuntimeError as error:
        raise SettingsError(
            f"search.index {settings.index!r} is no FAISS index_factory string for dimension "
            f"{dimension}: {_last_line(error)}"
        ) from error


def _is_in_float16(index: Any) -> bool:
    import faiss

    kind = faiss.IndexScalarQuantizer
    return isinstance(index, kind) and index.sq.qtype == faiss.ScalarQuantizer.QT_fp16


def _cpu_after(error: RuntimeError) -> FaissChoice:
    reason = f"FAISS cannot put this index on a GPU: {_last_line(error)}"
    return FaissChoice("cpu", reason, fell_back=True)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
