"""Map FAISS indexes from their files, so that the system reads what is searched of them."""

from pathlib import Path
from typing import Any


def read_mapped(path: Path) -> Any:
    """A FAISS index whose vectors, codes and lists stay in its file.

    Raises:
        RuntimeError: FAISS cannot read it.
    """
    import faiss

    with path.open("rb") as file:
        kind = file.read(4)
    # What maps arrays copies a part of inverted lists, and what maps lists copies all arrays.
    if kind.startswith(b"Iw") or kind == b"IxPT":
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        lists = _inverted_lists(index)
        if isinstance(lists, faiss.OnDiskInvertedLists):
            # By default, 32 threads read all lists of each query before it is searched.
            lists.prefetch_nthread = 0
        if lists is not None:
            return index
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)


def is_mapped(index: Any) -> bool:
    """Whether the vectors of an index that was opened not to be in memory are in its file alone.

    FAISS reads the lists of fast-scan indexes whole.
    """
    import faiss

    lists = _inverted_lists(index)
    return lists is None or isinstance(lists, faiss.OnDiskInvertedLists)


def _inverted_lists(index: Any) -> Any:
    """The lists of an `IVF` index, behind a transform, too; None for any other index."""
    import faiss

    with_lists: Any = faiss.try_extract_index_ivf(index)
    return None if with_lists is None else faiss.downcast_InvertedLists(with_lists.invlists)
