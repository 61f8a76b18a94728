"""Every vector ever made, under a key of all that it depends on, in shards committed one by one.

`<folder>/<space>/` holds the vectors of one model with one set of settings, the space; `space.json`
in it says which. A vector's key is a hash of the text as the model reads it. A shard is an Arrow
file whose name is its own checksum, so that damage is noticed. A text that has a vector here is
not encoded again, so that later runs see the same bytes whatever the batch size or the CPU.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from hn_assets.encoding.vectors.vector_file import (
    ARROW_ERRORS,
    StoredVectors,
    Vectors,
    check_batches,
    component_of,
    gather,
    vector_column,
    vectors_of,
)
from hn_assets.hashing import hash_of_text, sha256_of
from hn_assets.store.atomic_files import make_folder, remove_unfinished, replace_file
from hn_assets.store.checked_json import checked_json, with_checksum

SPACE_FILE = "space.json"
SPEED_FILE = "speed.json"
KEY = pa.binary(16)

Keys = Sequence[bytes] | pa.Array | pa.ChunkedArray


def text_key(text: str) -> bytes:
    """The key of a text in any space: 16 bytes of BLAKE2b, so that no two texts share one."""
    return hash_of_text(text)


def key_array(keys: Any) -> pa.FixedSizeBinaryArray:
    """Keys as Arrow has them, which takes a third of the memory of as many bytes objects."""
    if isinstance(keys, pa.ChunkedArray):
        return keys.combine_chunks()
    return keys if isinstance(keys, pa.Array) else pa.array(keys, KEY)


def among(keys: pa.ChunkedArray, known: Keys) -> NDArray[np.bool_]:
    """Whether each key is one of the known ones."""
    known = known if isinstance(known, pa.ChunkedArray) else key_array(known)
    options = pc.SetLookupOptions(value_set=known)
    found = pc.call_function("is_in", [keys], options)
    return found.to_numpy().astype(bool)


class VectorCache:
    """The vectors of one space.

    Args:
        folder: The folder of all spaces.
        space: All that a vector depends on beside its text.
        precision: What vectors are stored in, float32 or float16: part of the space, too.

    Attributes:
        folder: The folder of this space.
        dtype: What vectors are stored in.
        damaged: Shards that did not hold the bytes they were committed with, and were removed.

    >>> import tempfile
    >>> cache = VectorCache(Path(tempfile.mkdtemp()), {"weights": "sha256:12"})
    >>> cache.add([text_key("heart")], np.ones((1, 4), np.float32))
    >>> cache.find([text_key("lung"), text_key("heart")])
    array([-1,  0])
    """

    def __init__(self, folder: Path, space: Mapping[str, Any], precision: str = "float32") -> None:
        self.dtype = np.dtype(precision)
        described = json.dumps(space, sort_keys=True, indent=1).encode()
        self._open_folder(folder / hashlib.sha256(described).hexdigest()[:16])
        path = self.folder / SPACE_FILE
        if not path.exists() or path.read_bytes() != described:
            replace_file(path, described)

    @classmethod
    def of_folder(cls, folder: Path) -> "VectorCache":
        """The vectors in the folder of a space, whatever the space is."""
        cache = cls.__new__(cls)
        cache._open_folder(folder)
        cache.dtype = cache._vectors[0].dtype if cache._vectors else np.dtype(np.float32)
        return cache

    def _open_folder(self, folder: Path) -> None:
        self.folder = folder
        make_folder(folder)
        self.damaged: list[Path] = []
        self._paths: list[Path] = []
        self._keys: list[pa.Array] = []
        self._vectors: list[StoredVectors] = []
        remove_unfinished(self.folder)
        for path in sorted(self.folder.glob("*.arrow")):
            if path.stem != sha256_of(path) or not self._open(path):
                path.unlink()
                self.damaged.append(path)

    def __len__(self) -> int:
        return sum(len(keys) for keys in self._keys)

    @property
    def dimension(self) -> int:
        """The dimension of the vectors; 0 if there are none yet."""
        return self._vectors[0].shape[1] if self._vectors else 0

    @property
    def seconds_per_text(self) -> float:
        """What encoding a text took when some were encoded last; 0 if that is not known."""
        try:
            content = (self.folder / SPEED_FILE).read_bytes()
            return checked_json(content, _Speed).seconds_per_text
        except (OSError, ValueError):
            return 0.0

    def keep_speed(self, seconds_per_text: float) -> None:
        """Keep what encoding a text took."""
        content = with_checksum({"seconds_per_text": seconds_per_text})
        replace_file(self.folder / SPEED_FILE, content.encode())

    def keys(self) -> pa.ChunkedArray:
        """The keys of all vectors, in the order of their rows."""
        return pa.chunked_array(self._keys, KEY)

    def find(self, keys: Keys) -> NDArray[np.int64]:
        """The row of each key's vector, -1 if there is none; int64 of shape (len(keys),)."""
        if not self._keys:
            return np.full(len(keys), -1, np.int64)
        stored = pc.SetLookupOptions(value_set=pa.chunked_array(self._keys))
        found = pc.call_function("index_in", [key_array(keys)], stored)
        return np.asarray(found.fill_null(-1), dtype=np.int64)

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """A copy of the vectors of `rows`: float32, shape (len(rows), dimension)."""
        return gather(self._vectors, rows, self.dimension)

    def add(self, keys: Keys, vectors: StoredVectors) -> None:
        """Commit a shard: when this returns, a crash cannot lose it."""
        columns = [key_array(keys), vector_column(vectors.astype(self.dtype, copy=False))]
        component = pa.from_numpy_dtype(self.dtype)
        batch = pa.record_batch(columns, _shard_schema(vectors.shape[1], component))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        content = sink.getvalue()
        path = self.folder / f"{hashlib.sha256(content).hexdigest()}.arrow"
        if not path.exists():
            replace_file(path, content)
        self._open(path)

    def remove(self, keys: Keys) -> int:
        """Remove vectors by key, shard by shard, and return how many there were.

        A shard is removed when what remains of it has been committed, so nothing else is lost.
        """
        is_kept = ~among(self.keys(), keys)
        first = 0
        for path, stored, vectors in list(zip(self._paths, self._keys, self._vectors, strict=True)):
            kept = np.flatnonzero(is_kept[first : first + len(stored)])
            first += len(stored)
            if len(kept) < len(stored):
                if len(kept):
                    self.add(stored.take(pa.array(kept)), vectors[kept])
                path.unlink()
        return int((~is_kept).sum())

    def _open(self, path: Path) -> bool:
        """Map a shard into memory; return false if it does not hold vectors."""
        try:
            with pa.memory_map(str(path)) as source:
                batch = pa.ipc.open_file(source).get_batch(0)
            schema = _shard_schema(
                batch.column("vector").type.list_size, component_of(batch.schema)
            )
            check_batches([batch], schema)
            vectors = vectors_of(batch)
        except (*ARROW_ERRORS, KeyError, AttributeError):
            return False
        self._paths.append(path)
        self._keys.append(batch.column("key"))
        self._vectors.append(vectors)
        return True


def _shard_schema(dimension: int, component: pa.DataType) -> pa.Schema:
    return pa.schema([("key", KEY), ("vector", pa.list_(component, dimension))])


class _Speed(BaseModel):
    """The file that keeps how fast texts were encoded last."""

    seconds_per_text: float = Field(ge=0, allow_inf_nan=False)
