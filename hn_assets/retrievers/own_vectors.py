"""Read vectors that somebody else has made, in the order of a dataset, with all checks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors
from hn_assets.errors import RetrieverError
from hn_assets.retrievers.document_ids import find_ids
from hn_assets.retrievers.run_rows import as_text
from hn_assets.retrievers.vector_search import ArrayVectors
from hn_assets.sources.data_files import read_batches
from hn_assets.sources.jsonl import read_lines

TABLES = (".parquet", ".arrow", ".feather")
_ROWS_AT_ONCE = 8192
_FLOATS = (np.float16, np.float32, np.float64)


class _Rows(NamedTuple):
    """Some vectors of a file: their ids, and float components of shape (rows, dimension)."""

    ids: pa.Array
    vectors: NDArray[np.floating]


@dataclass(frozen=True)
class OwnVectors:
    """Vectors in the order of a dataset.

    Attributes:
        vectors: The vectors.
        unused: How many others the file has, of texts that the dataset does not have.
    """

    vectors: ArrayVectors
    unused: int


def read_own_vectors(
    path: Path, ids_path: Path | None, wanted: pa.Array, what: str, target: Path, *, normalize: bool
) -> OwnVectors:
    """Bring the vectors of a file into the order of a dataset's texts.

    Args:
        path: A table with the columns `id` and `vector`, or an .npy file.
        ids_path: The ids of the rows of an .npy file, one on each line.
        wanted: The ids of the dataset's texts, as `read_ids` gives them.
        what: What these texts are, in messages: `document` or `query`.
        target: The .npy file to write, which stays mapped into memory.
        normalize: Whether vectors are brought to length 1.

    Raises:
        SourceError: A file cannot be read, or lacks a column.
        RetrieverError: A text has no vector or two, or a vector cannot be compared.
    """
    rows = _read_npy(path, ids_path) if ids_path is not None else _read_table(path)
    mapped: Vectors = np.zeros((0, 0), np.float32)
    has_vector = np.zeros(len(wanted), bool)
    unused = 0
    for part in rows:
        if not len(mapped):
            shape = (max(1, len(wanted)), part.vectors.shape[1])
            mapped = np.lib.format.open_memmap(target, "w+", np.float32, shape)
        if part.vectors.shape[1] != mapped.shape[1]:
            raise RetrieverError(
                f"{path}: the vector of {part.ids[0].as_py()!r} has {part.vectors.shape[1]} "
                f"components, those before it have {mapped.shape[1]}; write vectors of one model"
            )
        place = find_ids(part.ids, wanted)
        is_wanted = place >= 0
        unused += int((~is_wanted).sum())
        ids, place = part.ids.filter(pa.array(is_wanted)), place[is_wanted]
        named, first = np.unique(place, return_index=True)
        is_repeat = has_vector[place]
        is_repeat[np.setdiff1d(np.arange(len(place)), first)] = True
        if is_repeat.any():
            raise RetrieverError(
                f"{path}: {what} {ids[int(np.argmax(is_repeat))].as_py()!r} has two vectors; "
                f"remove the one that does not count"
            )
        has_vector[named] = True
        mapped[place] = _checked(part.vectors[is_wanted], ids, path, what, normalize=normalize)
    if not has_vector.all():
        missing = np.flatnonzero(~has_vector)
        more = f", nor do {len(missing) - 1:,} more of {len(wanted):,}" if len(missing) > 1 else ""
        raise RetrieverError(
            f"{path}: {what} {wanted[int(missing[0])].as_py()!r} does not have a vector{more}; "
            f"every {what} of the dataset needs one, under the id that the dataset has for it"
        )
    return OwnVectors(ArrayVectors(wanted, mapped[: len(wanted)]), unused)


def _checked(
    vectors: NDArray[np.floating], ids: pa.Array, path: Path, what: str, *, normalize: bool
) -> Vectors:
    """The vectors in float32, at length 1 if that is asked for."""

    def refuse_unless(is_right: Any, problem: str) -> None:
        is_wrong = ~np.asarray(is_right)
        if is_wrong.any():
            more = int(is_wrong.sum()) - 1
            raise RetrieverError(
                f"{path}: the vector of {what} {ids[int(np.argmax(is_wrong))].as_py()!r} "
                f"{problem}" + (f" (and {more:,} more near it)" if more else "")
            )

    exact = vectors.astype(np.float64)
    refuse_unless(
        np.isfinite(exact).all(axis=1), "holds NaN or infinity; encode the text again, in float32"
    )
    norms = np.sqrt((exact * exact).sum(axis=1))
    refuse_unless(norms > 0, "is 0 in every component; a text without words has no direction")
    if normalize:
        exact /= norms[:, None]
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    refuse_unless(
        np.isfinite(rounded).all(axis=1),
        "has a component that float32 cannot hold; divide all vectors by their largest length",
    )
    return rounded


def _read_table(path: Path) -> Iterator[_Rows]:
    if path.suffix.lower() not in TABLES:
        raise RetrieverError(
            f"{path}: vectors are read from a table ({', '.join(TABLES)}) or from an .npy file, "
            f"whose ids then stand in a file of their own"
        )
    read = 0
    for batch in read_batches(path, ["id", "vector"]):
        for first in range(0, len(batch), _ROWS_AT_ONCE):
            part = batch.slice(first, _ROWS_AT_ONCE)
            yield _rows_of(part, path, read + first)
        read += len(batch)


def _rows_of(batch: pa.RecordBatch, path: Path, before: int) -> _Rows:
    for name in ("id", "vector"):
        if batch.column(name).null_count:
            row = before + 1 + int(np.argmax(np.asarray(batch.column(name).is_null())))
            raise RetrieverError(f"{path}, row {row}: {name} is missing; every row needs both")
    ids = as_text(batch.column("id"), "id", path)
    column = batch.column("vector")
    kind = column.type
    is_list = (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )
    if not is_list or not pa.types.is_floating(kind.value_type):
        raise RetrieverError(
            f"{path}: the column vector holds {kind}, not lists of float32, float16 or float64; "
            f"write each vector as a list of such numbers"
        )
    values = column.flatten()
    if values.null_count:
        raise RetrieverError(f"{path}: a vector lacks a component, after row {before}")
    lengths = np.asarray(column.value_lengths()) if not pa.types.is_fixed_size_list(kind) else None
    dimension = kind.list_size if lengths is None else int(lengths[0])
    if lengths is not None and (lengths != dimension).any():
        row = int(np.argmax(lengths != dimension))
        raise RetrieverError(
            f"{path}: the vector of {ids[row].as_py()!r} has {lengths[row]} components, those "
            f"before it have {dimension}; write vectors of one model"
        )
    return _Rows(ids, values.to_numpy(zero_copy_only=False).reshape(len(batch), dimension))


def _read_npy(path: Path, ids_path: Path) -> Iterator[_Rows]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise RetrieverError(
            f"{path} is no .npy file of numbers ({str(error).splitlines()[0]}); write it with "
            f"numpy.save(path, vectors.astype('float32'))"
        ) from error
    if array.ndim != 2 or array.dtype.type not in _FLOATS:
        raise RetrieverError(
            f"{path} holds {array.dtype} of shape {array.shape}, not float32, float16 or float64 "
            f"of shape (texts, dimension)"
        )
    ids = pa.array([line.strip() for _, line in read_lines(ids_path)], pa.large_string())
    if len(ids) != len(array):
        raise RetrieverError(
            f"{ids_path} has {len(ids):,} ids, and {path} has {len(array):,} vectors; the ids "
            f"stand one on each line, in the order of the vectors"
        )
    for first in range(0, len(ids), _ROWS_AT_ONCE):
        part = slice(first, first + _ROWS_AT_ONCE)
        yield _Rows(ids[part], array[part])
