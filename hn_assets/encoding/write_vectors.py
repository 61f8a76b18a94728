"""Any number of texts to one file of vectors, encoding only what was never encoded before."""

import heapq
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.encoding.vectors.vector_cache import VectorCache, text_key
from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter, check_finite
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

    ids: list[str]
    encoded: int
    reused: int
    duplicates: int
    dimension: int
    norms: NDArray[np.float32]
    keys: list[bytes]


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
        read: Goes through the (id, text) pairs; called twice.
        kind: Which instruction, if any, is put before each text.
        path: The Arrow file to write.
        cache: The cache of the space that `encoder` makes vectors in.
        encoder: Makes the encoder; not called if nothing is to be encoded.
        what: What is encoded, for the lines of progress.
        log: Takes a line of progress now and then.

    Raises:
        ModelError: A vector holds NaN or infinity; the error names the first one's id.
    """
    ids: list[str] = []
    keys: list[bytes] = []
    for text_id, text in read():
        ids.append(text_id)
        keys.append(text_key(text))
    missing = {keys[i] for i in np.flatnonzero(cache.find(keys) < 0)}
    distinct = len(set(keys))
    if missing:
        driver = encoder()
        _encode(read, kind, missing, cache, driver, what, log)
        cache.keep_speed(driver.stats.seconds / driver.stats.texts)
    writer = VectorWriter(path)
    rows = cache.find(keys)
    for start in range(0, len(ids), ROWS_PER_BLOCK):
        part = slice(start, start + ROWS_PER_BLOCK)
        vectors = cache.take(rows[part]).astype(cache.dtype, copy=False)
        writer.write(ids[part], keys[part], vectors)
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
    keys = vectors.text_keys().to_pylist()
    lacking = {keys[row]: row for row in np.flatnonzero(cache.find(keys) < 0)}
    rows = np.array(sorted(lacking.values()), np.int64)
    for start in range(0, len(rows), ROWS_PER_BLOCK):
        part = rows[start : start + ROWS_PER_BLOCK]
        cache.add([keys[row] for row in part], vectors.take(part))
    return len(rows)


def _encode(
    read: ReadTexts,
    kind: Kind,
    missing: set[bytes],
    cache: VectorCache,
    encoder: Encoder,
    what: str,
    log: Callable[[str], None],
) -> None:
    def first_of_each() -> Iterator[tuple[tuple[str, bytes], str]]:
        left = set(missing)
        for text_id, text in read():
            key = text_key(text)
            if key in left:
                left.remove(key)
                yield (text_id, key), text

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
                writing = writer.submit(cache.add, [key for _, key in names], stored)
            if writing is not None:
                writing.result()


def sample_texts(read: ReadTexts, size: int) -> list[str]:
    """About `size` distinct texts, or all if there are fewer: the same in whatever order.

    They are those with the smallest keys, which makes them a uniform sample.
    """
    keyed = ((text_key(text), text) for _, text in read())
    return list(dict(heapq.nsmallest(size, keyed)).values())
