"""Vectors with their ids in one Arrow file (Feather, uncompressed), read as a memory map.

`pandas.read_feather` and `pyarrow` open the file, too. Reading maps it, so that a corpus larger
than memory costs no memory.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hn_assets.errors import ModelError, StoreError
from hn_assets.ids import Ids
from hn_assets.store.schemas import TEXT_KEY, embeddings_schema

Vectors = NDArray[np.float32]
StoredVectors = NDArray[np.float32] | NDArray[np.float16]
COMPONENTS = (pa.float32(), pa.float16())  # that vectors in files may have

# what reading bytes that are no Arrow file raises
ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, MemoryError)


def check_finite(ids: Sequence[str], vectors: StoredVectors, kind: str) -> None:
    """Refuse vectors that hold NaN or infinity.

    Raises:
        ModelError: A vector does; the error names the first one's id.
    """
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        bad = ids[int(np.argmin(finite))]
        raise ModelError(
            f"the vector of {kind} {bad!r} is not finite (and {int((~finite).sum()) - 1} more in "
            f"its block): the model is broken, or a precision too low for it. Try "
            f"compute.precision: float32, encoding.stored_precision: float32, or another model"
        )


def vector_column(vectors: StoredVectors) -> pa.FixedSizeListArray:
    """Vectors of shape (n, dimension) as a column of n fixed-size lists of their components."""
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def vectors_of(batch: pa.RecordBatch) -> StoredVectors:
    """The column `vector` of a batch as it is, shape (rows, dimension); nothing is copied."""
    column = batch.column("vector")
    return column.flatten().to_numpy().reshape(len(column), column.type.list_size)


def check_batches(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> None:
    """Refuse batches that were read from a file and are not what their schema says.

    Without this, reading values from a damaged file can end the process.

    Raises:
        ArrowInvalid: The columns are others, a value is missing, or a length is wrong.
    """
    for batch in batches:
        if not batch.schema.equals(schema):
            raise pa.ArrowInvalid(f"its columns are {batch.schema.names} of other types")
        batch.validate(full=True)
        if any(column.null_count for column in batch.columns):
            raise pa.ArrowInvalid("a value is missing")


def component_of(schema: pa.Schema) -> pa.DataType:
    """The type of the components of vectors in a file.

    Raises:
        ArrowInvalid: Vectors have no such components.
    """
    component = schema.field("vector").type.value_type
    if component not in COMPONENTS:
        raise pa.ArrowInvalid(f"its vectors are of {component}")
    return component


def gather(blocks: Sequence[StoredVectors], rows: NDArray[np.int64], dimension: int) -> Vectors:
    """A copy of the vectors of `rows`, counted over all blocks, in float32.

    Returns:
        Of shape (len(rows), dimension).
    """
    out = np.empty((len(rows), dimension), np.float32)
    starts = np.cumsum([0, *(len(block) for block in blocks)])
    block_of = np.searchsorted(starts, rows, side="right") - 1
    for block in np.unique(block_of):
        here = block_of == block
        out[here] = blocks[block][rows[here] - starts[block]]
    return out


class VectorWriter:
    """Write blocks of vectors to the file `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._norms: list[NDArray[np.float32]] = []

    def write(
        self,
        ids: Sequence[str] | pa.Array,
        keys: Sequence[bytes] | pa.Array,
        vectors: StoredVectors,
    ) -> None:
        """Append a block.

        Args:
            ids: The ids of the texts.
            keys: The `text_key` of each text.
            vectors: float32 or float16, as they are stored; of shape (len(ids), dimension).
        """
        schema = embeddings_schema(vectors.shape[1], pa.from_numpy_dtype(vectors.dtype))
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._path), schema)
        columns = [
            _as_arrow(ids, pa.string()),
            _as_arrow(keys, TEXT_KEY),
            vector_column(vectors),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema))
        self._norms.append(np.linalg.norm(vectors.astype(np.float32), axis=1))

    def close(self) -> NDArray[np.float32]:
        """Finish the file; return the norm of every vector written, float32 of shape (texts,)."""
        if self._writer is not None:
            self._writer.close()
        return np.concatenate(self._norms) if self._norms else np.zeros(0, np.float32)


def _as_arrow(values: Any, kind: pa.DataType) -> pa.Array:
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


class VectorSource(Protocol):
    """Vectors with ids, in a file or in memory."""

    ids: Ids
    dimension: int

    def __len__(self) -> int:
        """How many there are."""
        ...

    def blocks(self) -> Iterator[Vectors]:
        """The vectors block by block, float32 of shape (n, dimension), in the order of `ids`."""
        ...

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """A copy of the vectors of `rows`, shape (len(rows), dimension)."""
        ...


class VectorTable:
    """Vectors with ids, as `VectorWriter` wrote them; nothing is copied until it is taken.

    What is pickled of it is the path.

    Args:
        path: The file.

    Attributes:
        precision: What their components are stored in: float32 or float16.

    Raises:
        StoreError: The file is not an Arrow file of ids and vectors.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with pa.memory_map(str(path)) as source:
                batches = pa.ipc.open_file(source)
                blocks = [batches.get_batch(i) for i in range(batches.num_record_batches)]
                source.seek(0)
                content = source.read_buffer()
            self.dimension = int(batches.schema.field("vector").type.list_size)
            component = component_of(batches.schema)
            check_batches(blocks, embeddings_schema(self.dimension, component))
            # of no batch, it is an empty column
            table = pa.Table.from_batches(blocks, batches.schema)
            self.ids = Ids(table["id"])
            self._keys = table["text_key"]
            self._blocks = [vectors_of(block) for block in blocks]
        except FileNotFoundError:
            raise
        except (*ARROW_ERRORS, KeyError, AttributeError) as error:
            raise StoreError(f"{path} is not a file of vectors: {error}") from error
        dtype = np.dtype(component.to_pandas_dtype())
        self.precision = dtype.name
        self._rows = _RowsOfFile(content, self._blocks, self.dimension, dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        return VectorTable, (self._path,)

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self) -> Iterator[Vectors]:
        """The vectors block by block, float32 of shape (n, dimension), in the order of `ids`."""
        for block in self._blocks:
            yield block.astype(np.float32, copy=False)

    def text_keys(self) -> pa.ChunkedArray:
        """The hash of each text that was read, 16 bytes each, in the order of `ids`."""
        return self._keys

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """A copy of the vectors of `rows`, shape (len(rows), dimension)."""
        return self._rows.take(rows)


class _RowsOfFile:
    """The vectors of a mapped file, each copied as one item from where it begins.

    Going through the thousand blocks of ten million vectors would take ten times as long.
    """

    def __init__(
        self,
        content: pa.Buffer,
        blocks: Sequence[StoredVectors],
        dimension: int,
        dtype: np.dtype[Any],
    ) -> None:
        self._dimension, self._dtype = dimension, dtype
        self._size = dtype.itemsize * dimension
        self._first_rows = np.cumsum([0, *(len(block) for block in blocks)])
        self._begins = np.array([b.ctypes.data - content.address for b in blocks], np.int64)
        begins = max(0, content.size - self._size + 1)
        item = np.dtype((np.void, self._size))
        self._items: NDArray[np.void] = np.ndarray(begins, item, content, strides=(1,))

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        if rows.min(initial=0) < 0:
            raise IndexError(f"row {rows.min()} of {self._first_rows[-1]} vectors")
        block = np.searchsorted(self._first_rows, rows, side="right") - 1
        begins = self._begins[block] + (rows - self._first_rows[block]) * self._size
        taken = self._items[begins].view(self._dtype).reshape(len(rows), self._dimension)
        return taken.astype(np.float32, copy=False)


class VectorSubset:
    """Some rows of other vectors, in the order of `rows`."""

    def __init__(self, source: VectorSource, rows: NDArray[np.int64]) -> None:
        self.ids = source.ids.select(rows)
        self.dimension = source.dimension
        self._source, self._rows = source, rows

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self) -> Iterator[Vectors]:
        """The vectors block by block."""
        for start in range(0, len(self), 8192):
            yield self._source.take(self._rows[start : start + 8192])

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """A copy of the vectors of `rows`, shape (len(rows), dimension)."""
        return self._source.take(self._rows[rows])
