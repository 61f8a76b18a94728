"""Vectors are searched slice by slice, each read once for all queries."""

from collections.abc import Iterator

import faiss
import numpy as np
import pytest

from hn_assets.encoding.vectors.vector_file import Vectors, VectorTable, VectorWriter
from hn_assets.retrieval import flat_search
from hn_assets.retrieval.flat_search import FlatSearch
from hn_assets.retrieval.ranking import Ranking
from hn_assets.retrieval.searcher import Searcher, recall_against_exact
from hn_assets_tests.retrieval.vector_tables import unit_vectors


class CountingTable(VectorTable):
    """Counts how often all vectors are read."""

    reads = 0

    def blocks(self) -> Iterator[Vectors]:
        self.reads += 1
        return super().blocks()


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return unit_vectors(700, 24)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray) -> CountingTable:
    path = tmp_path_factory.mktemp("vectors") / "d.arrow"
    writer = VectorWriter(path)
    for start in range(0, len(vectors), 90):
        block = vectors[start : start + 90]
        ids = [f"{row:04}" for row in range(start, start + len(block))]
        writer.write(ids, [bytes(16)] * len(ids), block)
    writer.close()
    return CountingTable(path)


@pytest.mark.parametrize("queries", [3, 50])
@pytest.mark.parametrize("count", [5, 150, 700])
def test_the_best_of_all_slices_are_found(
    monkeypatch: pytest.MonkeyPatch,
    vectors: np.ndarray,
    table: CountingTable,
    queries: int,
    count: int,
) -> None:
    for name in ("SLICE_BYTES", "COPY_BYTES", "FEW_QUERIES_BYTES"):
        monkeypatch.setattr(flat_search, name, 100 * 4 * 24)
    asked = unit_vectors(queries, 24, seed=1)
    index = faiss.IndexFlatIP(24)
    index.add(vectors)
    expected = index.search(asked, count)
    for searched in (vectors, table):
        scores, rows = FlatSearch(searched).search(asked, count)
        assert np.allclose(scores, expected[0], atol=1e-6)
        assert np.array_equal(rows, expected[1])
    half = vectors.astype(np.float16)
    scores, rows = FlatSearch(half).search(asked, count)
    exact = np.sort(asked @ half.astype(np.float32).T, axis=1)[:, ::-1][:, :count]
    assert np.allclose(scores, exact, atol=1e-6)


def test_all_vectors_are_read_once_for_all_queries(table: CountingTable) -> None:
    table.reads = 0
    FlatSearch(table).search(unit_vectors(300, 24, seed=1), 40)
    assert table.reads == 1


def test_recall_is_measured_without_a_copy_of_all_vectors(
    table: CountingTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faiss.IndexFlatIP.add", lambda *_: pytest.fail("vectors are copied"))
    rows, scores = Searcher(FlatSearch(table), table).find(table.take(np.arange(30)), 20)
    rows[:, 10:] = -1
    assert recall_against_exact(Ranking(0, rows, scores), table, table) == 0.5
