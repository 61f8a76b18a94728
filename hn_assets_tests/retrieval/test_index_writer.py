"""An index takes memory for few of its vectors, and its file is the one that FAISS writes."""

import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
import pytest

from hn_assets.encoding.vectors.vector_file import Vectors, VectorTable, VectorWriter
from hn_assets.errors import StoreError
from hn_assets.retrieval.faiss_index import IDS_FILE, INDEX_FILE, build_index, is_flat, open_index
from hn_assets.retrieval.searcher import Searcher
from hn_assets.settings.search import SearchSettings
from hn_assets_tests.retrieval.vector_tables import unit_vectors

ROWS = 256  # of a block


def in_blocks(path: Path, vectors: np.ndarray) -> VectorTable:
    writer = VectorWriter(path)
    for start in range(0, len(vectors), ROWS):
        block = vectors[start : start + ROWS]
        ids = [f"{row:06}" for row in range(start, start + len(block))]
        writer.write(ids, [bytes(16)] * len(ids), block)
    writer.close()
    return VectorTable(path)


def by_faiss_alone(index: faiss.Index, vectors: VectorTable) -> bytes:
    if not index.is_trained:
        index.train(vectors.take(np.arange(len(vectors))))
    for block in vectors.blocks():
        index.add(np.ascontiguousarray(block))
    return faiss.serialize_index(index).tobytes()


@pytest.mark.parametrize(
    ("index", "precision", "in_memory"),
    [
        ("Flat", "float32", False),
        ("Flat", "float16", False),
        ("SQ8", "float32", False),
        ("IVF8,Flat", "float32", False),
        ("IVF8,SQ8", "float32", False),
        ("IVF8,PQ4x4", "float32", False),
        ("PCA8,IVF8,Flat", "float32", False),
        ("IVF8,Flat,Refine(SQ8)", "float32", True),
        ("PCA8,Flat", "float32", True),
        ("HNSW8", "float32", True),
    ],
)
def test_the_file_is_that_of_faiss(
    tmp_path: Path, index: str, precision: str, in_memory: bool
) -> None:
    vectors = in_blocks(tmp_path / "d.arrow", unit_vectors(1000, 16).astype(precision))
    report = build_index(vectors, SearchSettings(index=index), tmp_path)
    assert report.in_memory is in_memory
    if precision == "float16":
        kind = faiss.ScalarQuantizer.QT_fp16
        empty = faiss.IndexScalarQuantizer(16, kind, faiss.METRIC_INNER_PRODUCT)
    else:
        empty = faiss.index_factory(16, index, faiss.METRIC_INNER_PRODUCT)
    if index != "HNSW8":  # whose threads insert in no fixed order
        assert (tmp_path / INDEX_FILE).read_bytes() == by_faiss_alone(empty, vectors)
    opened = open_index(tmp_path / INDEX_FILE, tmp_path / IDS_FILE, vectors)
    read = faiss.read_index(str(tmp_path / INDEX_FILE))
    queries = unit_vectors(30, 16, seed=1)
    for mapped, whole in zip(opened.search(queries, 20), read.search(queries, 20), strict=True):
        assert np.array_equal(mapped, whole), "to the last bit"
    searchers = [Searcher(one, vectors, is_exact=is_flat(one, vectors)) for one in (opened, read)]
    found = [searcher.find(queries, 20) for searcher in searchers]
    assert np.array_equal(found[0], found[1])


def test_lists_are_written_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hn_assets.retrieval.index_writer.HELD_BYTES", 20_000)
    vectors = in_blocks(tmp_path / "d.arrow", unit_vectors(1000, 16))
    for index in ("IVF8,Flat", "IVF300,Flat"):  # of the latter, some lists are empty
        build_index(vectors, SearchSettings(index=index), tmp_path)
        empty = faiss.index_factory(16, index, faiss.METRIC_INNER_PRODUCT)
        assert (tmp_path / INDEX_FILE).read_bytes() == by_faiss_alone(empty, vectors)


class Watched(VectorTable):
    """Vectors that tell how much memory of its own the process has while they are read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.most = 0

    def blocks(self) -> Iterator[Vectors]:
        for block in super().blocks():
            yield block
            self.most = max(self.most, own_memory())


def own_memory() -> int:
    """The bytes that cannot be taken back, as those of a mapped file can."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) << 10


@pytest.mark.parametrize("index", ["Flat", "IVF4,Flat"])
def test_neither_building_nor_searching_holds_all_vectors(
    tmp_path: Path, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hn_assets.retrieval.index_writer.HELD_BYTES", 1 << 20)
    monkeypatch.setattr("hn_assets.retrieval.faiss_index.TRAINING_SAMPLE", 400)
    monkeypatch.setattr("hn_assets.retrieval.searcher.MOST_BYTES", 1 << 20)
    queries = unit_vectors(30, 1024, seed=1)

    def build_and_search(folder: Path, vectors: VectorTable) -> None:
        build_index(vectors, SearchSettings(index=index), folder)
        opened = open_index(folder / INDEX_FILE, folder / IDS_FILE, vectors)
        tracemalloc.start()  # of what NumPy takes for a moment, too
        Searcher(opened, vectors, is_exact=is_flat(opened, vectors)).find(queries, 20)
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    most: list[int] = []
    few = np.random.default_rng(0).random((500, 1024), np.float32)
    build_and_search(tmp_path, in_blocks(tmp_path / "few.arrow", few))  # what is imported, and such
    in_blocks(tmp_path / "d.arrow", np.repeat(few, 20, 0))
    vectors = Watched(tmp_path / "d.arrow")
    before, size = own_memory(), 10_000 * 1024 * 4
    build_and_search(tmp_path, vectors)
    assert vectors.most - before < size // 2
    assert own_memory() - before < size // 2
    assert most[-1] < size // 2


@pytest.mark.parametrize("index", ["Flat", "IVF8,Flat"])
def test_a_half_written_index_is_refused(
    tmp_path: Path, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hn_assets.retrieval.index_writer.HELD_BYTES", 1)

    class Broken(VectorTable):
        reads = 0

        def blocks(self) -> Iterator[Vectors]:
            self.reads += 1
            for number, block in enumerate(super().blocks()):
                if number == 2 and self.reads == (1 if index == "Flat" else 2):
                    raise OSError("the disk is gone")
                yield block

    whole = in_blocks(tmp_path / "d.arrow", unit_vectors(1000, 16))
    build_index(whole, SearchSettings(index=index), tmp_path)
    with pytest.raises(OSError, match="the disk is gone"):
        build_index(Broken(tmp_path / "d.arrow"), SearchSettings(index=index), tmp_path)
    assert (tmp_path / INDEX_FILE).stat().st_size > ROWS * 16 * 4
    with pytest.raises(StoreError, match="damaged"):
        open_index(tmp_path / INDEX_FILE, tmp_path / IDS_FILE, whole)
