"""Any number of texts to one file of vectors, encoding only what was never encoded before."""

import heapq
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.encoding.vectors.vector_cache import KEY, VectorCache, key_array, text_key
from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter, check_finite
from hn_assets.ids import Ids
from hn_assets.progress import Progress

ROWS_PER_BLOCK = 8192

ReadTexts = Callable[[], Iterable[tuple[str, str]]]


@dataclass(frozen=True)
class WriteReport:
    """What was written.

    Attributes:
        ids: The ids of the vectors in the file, in its order.
        encoded: How many texts a model read just now.
        reused: How many texts had a vector from an earlier run.
        duplicates: How many texts share the vector of an equal text.
        dimension: The dimension of the vectors.
        norms: The norm of every vector; float32, shape (texts,).
        keys: The keys of the vectors in the cache, in the order of `ids`.
    """

    ids: Ids
    encoded: int
    reused: int
    duplicates: int
    dimension: int
    norms: NDArray[np.float32]
    keys: pa.FixedSizeBinaryArray


def write_vectors(
    read: ReadTexts,
    kind: Kind,
    path: Path,
    *,
    cache: VectorCache,
    encoder: Callable[[], Encoder],
    what: str,
    log: Callable[[str], None],
) -> WriteReport:
    """Write a vector for every text to `path`, in the order they are read.

    What is encoded is committed to `cache` a window at a time, so that a run that is cut off goes
    on from there. In memory are an id and a key of 16 bytes per text, and a window of texts.

    Args:
        read: Goes through the (id, text) pairs; called twice, and in one order.
        kind: Which instruction, if any, is put before each text.
        path: The Arrow file to write.
        cache: The cache of the space that `encoder` makes vectors in.
        encoder: Makes the encoder; not called if nothing is to be encoded.
        what: What is encoded, for the lines of progress.
        log: Takes a line of progress now and then.

    Raises:
        ModelError: A vector holds NaN or infinity; the error names the first one's id.
    """
    ids, keys = _read_keys(read())
    first = _first_rows(keys)
    missing = np.sort(first[cache.find(keys)[first] < 0])
    distinct = len(first)
    if len(missing):
        driver = encoder()
        _encode(read, kind, keys, missing, cache, driver, what, log)
        cache.keep_speed(driver.stats.seconds / driver.stats.texts)
    writer = VectorWriter(path)
    rows = cache.find(keys)
    for start in range(0, len(ids), ROWS_PER_BLOCK):
        vectors = cache.take(rows[start : start + ROWS_PER_BLOCK]).astype(cache.dtype, copy=False)
        some_ids = ids.column.slice(start, ROWS_PER_BLOCK)
        writer.write(some_ids, keys.slice(start, ROWS_PER_BLOCK), vectors)
    return WriteReport(
        ids=ids,
        encoded=len(missing),
        reused=distinct - len(missing),
        duplicates=len(ids) - distinct,
        dimension=cache.dimension,
        norms=writer.close(),
        keys=keys,
    )


def import_vectors(cache: VectorCache, vectors: VectorTable) -> int:
    """Put vectors of an earlier run that the cache of the same space lacks into it.

    So a machine that has the finished asset, but not the cache, encodes nothing twice.

    Returns:
        How many vectors the cache lacked.
    """
    keys = key_array(vectors.text_keys())
    first = _first_rows(keys)
    rows = np.sort(first[cache.find(keys)[first] < 0])
    for start in range(0, len(rows), ROWS_PER_BLOCK):
        part = rows[start : start + ROWS_PER_BLOCK]
        cache.add(keys.take(pa.array(part)), vectors.take(part))
    return len(rows)


def _read_keys(texts: Iterable[tuple[str, str]]) -> tuple[Ids, pa.FixedSizeBinaryArray]:
    """The id and the key of every text; only a block of them are Python's objects at once."""
    ids, keys = [pa.array([], pa.string())], [pa.array([], KEY)]
    source = iter(texts)
    while block := [(text_id, text_key(text)) for text_id, text in islice(source, ROWS_PER_BLOCK)]:
        ids.append(pa.array([text_id for text_id, _ in block], pa.string()))
        keys.append(pa.array([key for _, key in block], KEY))
    return Ids(pa.chunked_array(ids)), key_array(pa.chunked_array(keys))


def _first_rows(keys: pa.FixedSizeBinaryArray) -> NDArray[np.int64]:
    """The first row of each distinct key; int64."""
    if not len(keys):
        return np.zeros(0, np.int64)
    halves = np.frombuffer(keys.buffers()[1], "<u8", 2 * len(keys), 16 * keys.offset).reshape(-1, 2)
    order = np.lexsort(halves.T)  # rows of one key in ascending order
    halves = halves[order]
    is_first = np.ones(len(keys), bool)
    is_first[1:] = (halves[1:] != halves[:-1]).any(axis=1)
    return order[is_first]


def _encode(
    read: ReadTexts,
    kind: Kind,
    keys: pa.FixedSizeBinaryArray,
    missing: NDArray[np.int64],
    cache: VectorCache,
    encoder: Encoder,
    what: str,
    log: Callable[[str], None],
) -> None:
    """Encode the texts of the rows `missing`, which ascend."""

    def first_of_each() -> Iterator[tuple[tuple[str, int], str]]:
        wanted = iter(missing.tolist())
        next_row = next(wanted, None)
        for row, (text_id, text) in enumerate(read()):
            if row == next_row:
                next_row = next(wanted, None)
                yield (text_id, row), text

    with Progress(what, len(missing), log) as progress:
        windows = encoder.encode_windows(first_of_each(), kind, progress=progress)
        # A shard is written while the next window is computed; no more than one, as each holds
        # a window's vectors.
        with ThreadPoolExecutor(1) as writer:
            writing: Future[None] | None = None
            for names, vectors in windows:
                named = "document" if kind == "passage" else kind
                with np.errstate(over="ignore"):  # what is too large is infinite, and refused
                    stored = vectors.astype(cache.dtype, copy=False)
                check_finite([text_id for text_id, _ in names], stored, named)
                start = time.perf_counter()
                if writing is not None:
                    writing.result()
                encoder.stats.waited_for_writing += time.perf_counter() - start
                keys_of_shard = keys.take(pa.array([row for _, row in names]))
                writing = writer.submit(cache.add, keys_of_shard, stored)
            if writing is not None:
                writing.result()


def sample_texts(read: ReadTexts, size: int) -> list[str]:
    """About `size` distinct texts, or all if there are fewer: the same in whatever order.

    They are those with the smallest keys, which makes them a uniform sample.
    """
    keyed = ((text_key(text), text) for _, text in read())
    return list(dict(heapq.nsmallest(size, keyed)).values())
