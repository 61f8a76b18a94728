"""Write a trained index with its vectors to a file that FAISS reads, in memory for a few of them.

FAISS writes an index only from memory. Where its files end with the codes of all vectors, or with
inverted lists, what comes before these is written by FAISS from an index without vectors, and the
rest block by block. The file is, byte by byte, the one that FAISS would have written.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource

HELD_BYTES = 64 << 20  # of the codes of inverted lists, which are then written list by list
_LENGTH = struct.Struct("<Q")


def write_by_blocks(index: Any, vectors: VectorSource, path: Path) -> bool:
    """Write `vectors` in a trained index, which holds none itself, to `path`.

    What a file of FAISS begins with is written last, so that FAISS refuses one that is not whole.

    Returns:
        Whether that was possible; otherwise nothing is written, and the index needs its vectors.

    Raises:
        OSError: The file cannot be written.
    """
    import faiss

    flat = (faiss.IndexFlatIP, faiss.IndexScalarQuantizer)
    lists = (faiss.IndexIVFFlat, faiss.IndexIVFPQ, faiss.IndexIVFScalarQuantizer)
    with_lists = _behind_transforms(index)
    # A subclass may keep more than its class.
    if type(index) not in flat and type(with_lists) not in lists:
        return False
    for one in {id(one): one for one in (index, with_lists)}.values():
        one.ntotal = len(vectors)
    before = faiss.serialize_index(index).tobytes()
    with path.open("wb") as file:
        if type(index) in flat:
            before = before[: -_LENGTH.size]
            file.write(bytes(len(before)))
            _write_codes(index, vectors, file)
        else:
            empty = _lists_without_vectors(with_lists)
            if not before.endswith(empty):
                raise RuntimeError(f"FAISS wrote {type(with_lists).__name__} in another form")
            before = before[: -len(empty)]
            file.write(bytes(len(before)))
            _write_lists(index, with_lists, vectors, file)
        file.seek(0)
        file.write(before)
    return True


def _behind_transforms(index: Any) -> Any:
    import faiss

    if type(index) is not faiss.IndexPreTransform:
        return index
    return faiss.downcast_index(index.index)


def _transformed(index: Any, with_lists: Any, block: Vectors) -> Vectors:
    import faiss

    if with_lists is index:
        return np.ascontiguousarray(block)
    out = np.ascontiguousarray(block)
    for number in range(index.chain.size()):
        out = faiss.downcast_VectorTransform(index.chain.at(number)).apply(out)
    return out


def _write_codes(index: Any, vectors: VectorSource, file: BinaryIO) -> None:
    import faiss

    is_flat = isinstance(index, faiss.IndexFlat)
    size = len(vectors) * index.code_size
    file.write(_LENGTH.pack(size // 4 if is_flat else size))
    for block in vectors.blocks():
        block = np.ascontiguousarray(block)
        file.write((block if is_flat else index.sa_encode(block)).data.cast("B"))


def _write_lists(index: Any, with_lists: Any, vectors: VectorSource, file: BinaryIO) -> None:
    """Assign all vectors to their lists, so that the place of each is known; then write them."""
    list_of = np.concatenate(
        [
            with_lists.quantizer.assign(_transformed(index, with_lists, block), 1)[:, 0]
            for block in vectors.blocks()
        ]
    ).astype(np.int32)
    sizes = np.bincount(list_of, minlength=with_lists.nlist).astype(np.int64)
    file.write(_head_of_lists(with_lists, sizes))
    code_size = with_lists.code_size
    # For each list in turn, first the codes of all its vectors, then their rows.
    begins = file.tell() + np.cumsum([0, *(sizes * (code_size + 8))])[:-1]
    file.flush()
    written = np.zeros_like(sizes)
    for rows, codes in _coded(index, with_lists, vectors, list_of):
        order = np.argsort(list_of[rows], kind="stable")
        rows, codes = rows[order], codes[order]
        here, starts = np.unique(list_of[rows], return_index=True)
        for number, start, end in zip(here, starts, [*starts[1:], len(rows)], strict=True):
            place = int(begins[number] + written[number] * code_size)
            _write_at(file, codes[start:end], place)
            place = int(begins[number] + sizes[number] * code_size + written[number] * 8)
            _write_at(file, rows[start:end], place)
            written[number] += end - start


def _coded(
    index: Any, with_lists: Any, vectors: VectorSource, list_of: NDArray[np.int32]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """Rows and codes of as many vectors as are held together."""
    import faiss

    held: list[NDArray[np.uint8]] = []
    first = end = 0
    for block in vectors.blocks():
        block = _transformed(index, with_lists, block)
        lists = list_of[end : end + len(block)].astype(np.int64)
        codes = np.empty((len(block), with_lists.code_size), np.uint8)
        pointers = [faiss.swig_ptr(array) for array in (block, lists, codes)]
        with_lists.encode_vectors(len(block), *pointers)
        held.append(codes)
        end += len(block)
        if (end - first) * with_lists.code_size >= HELD_BYTES or end == len(vectors):
            yield np.arange(first, end, dtype=np.int64), np.concatenate(held)
            held.clear()
            first = end


def _lists_without_vectors(with_lists: Any) -> bytes:
    """How a file of FAISS ends if no list has a vector."""
    return _head_of_lists(with_lists, np.zeros(with_lists.nlist, np.int64))


def _head_of_lists(with_lists: Any, sizes: NDArray[np.int64]) -> bytes:
    """What FAISS writes before the lists: how many there are, and how many vectors each has."""
    head = b"ilar" + _LENGTH.pack(with_lists.nlist) + _LENGTH.pack(with_lists.code_size)
    filled = np.flatnonzero(sizes)
    if len(filled) > with_lists.nlist // 2:
        return head + b"full" + _LENGTH.pack(len(sizes)) + sizes.tobytes()
    pairs = np.stack([filled, sizes[filled]], axis=1)
    return head + b"sprs" + _LENGTH.pack(pairs.size) + pairs.astype(np.int64).tobytes()


def _write_at(file: BinaryIO, content: NDArray[Any], place: int) -> None:
    left = np.ascontiguousarray(content).data.cast("B")
    while left:
        done = os.pwrite(file.fileno(), left, place)
        left, place = left[done:], place + done
