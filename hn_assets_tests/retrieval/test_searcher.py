"""Rankings are exact, in a fixed order, and never of an index that belongs to other vectors."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.errors import SearchError, SettingsError, StoreError
from hn_assets.retrieval import searcher
from hn_assets.retrieval.faiss_index import (
    IDS_FILE,
    INDEX_FILE,
    apply_search_parameters,
    build_index,
    open_index,
)
from hn_assets.retrieval.incremental_ranking import IncrementalRanking
from hn_assets.retrieval.ranking import BYTES_PER_CANDIDATE, Ranking
from hn_assets.retrieval.scores import inner_products, pair_scores
from hn_assets.retrieval.searcher import Searcher, recall_against_exact
from hn_assets.settings.search import SearchSettings
from hn_assets_tests.retrieval.vector_tables import make_table, round_differently, unit_vectors
from hn_assets_tests.rounding import assert_rankings_differ_by_rounding_only


def build(folder: Path, vectors: VectorTable, **options) -> faiss.Index:
    folder.mkdir(exist_ok=True)
    build_index(vectors, SearchSettings(**options), folder)
    return open_index(folder / INDEX_FILE, folder / IDS_FILE, vectors)


def search(search: Searcher, queries: VectorTable, depth: int) -> Iterator[Ranking]:
    return IncrementalRanking(search, search.documents, queries, depth, None).rank(memory_mb=512)


def rank_all(index, documents: VectorTable, queries: VectorTable, depth: int, block: int = 64):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hn_assets.retrieval.ranking.MOST_QUERIES", block)
        blocks = list(search(Searcher(index, documents), queries, depth))
    assert all(len(b.rows) <= block for b in blocks)
    return np.concatenate([b.rows for b in blocks]), np.concatenate([b.scores for b in blocks])


def brute_force(documents: np.ndarray, queries: np.ndarray, ids: Sequence[str], depth: int):
    scores = queries.astype(np.float64) @ documents.T.astype(np.float64)
    order = [sorted(range(len(documents)), key=lambda d: (-s[d], ids[d]))[:depth] for s in scores]
    return np.array(order)


def test_rankings_are_those_of_brute_force(tmp_path: Path) -> None:
    documents, queries = unit_vectors(500), unit_vectors(40, seed=1)
    table = make_table(tmp_path / "d.arrow", documents)
    asked = make_table(tmp_path / "q.arrow", queries)
    rows, scores = rank_all(build(tmp_path / "i", table), table, asked, 50)
    assert np.array_equal(rows, brute_force(documents, queries, table.ids, 50))
    expected = np.take_along_axis(queries @ documents.T, rows, 1)
    np.testing.assert_allclose(scores, expected, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    copies=st.integers(1, 60),
    depth=st.integers(1, 40),
    block=st.integers(1, 12),
    order=st.randoms(use_true_random=False),
)
def test_ties_go_by_id_whatever_the_order_and_the_block(
    tmp_path_factory, copies: int, depth: int, block: int, order
) -> None:
    """Many equal documents, also across the cut, in two orders of the corpus."""
    folder = tmp_path_factory.mktemp("ties")
    documents = np.concatenate([np.repeat(unit_vectors(1, seed=5), copies, 0), unit_vectors(30)])
    ids = [f"d{i}" for i in range(len(documents))]
    shuffled = list(range(len(documents)))
    order.shuffle(shuffled)
    queries = make_table(folder / "q.arrow", unit_vectors(5, seed=5))
    first = make_table(folder / "a.arrow", documents, ids)
    second = make_table(folder / "b.arrow", documents[shuffled], [ids[i] for i in shuffled])
    rows, scores = rank_all(build(folder / "a", first), first, queries, depth, 64)
    rows2, scores2 = rank_all(build(folder / "b", second), second, queries, depth, block)
    assert [[first.ids[r] for r in q] for q in rows] == [[second.ids[r] for r in q] for q in rows2]
    assert np.array_equal(scores, scores2)


def test_vectors_that_were_rounded_differently_are_ranked_alike(tmp_path: Path) -> None:
    """As if the vectors came from another CPU: only nearly equal scores change places."""
    # Many documents of nearly equal scores.
    documents = np.concatenate([unit_vectors(300), round_differently(unit_vectors(300), seed=3)])
    asked = make_table(tmp_path / "q.arrow", unit_vectors(40, seed=1))
    first = make_table(tmp_path / "a.arrow", documents)
    second = make_table(tmp_path / "b.arrow", round_differently(documents, seed=4))
    rows, scores = rank_all(build(tmp_path / "a", first), first, asked, 50)
    rows2, scores2 = rank_all(build(tmp_path / "b", second), second, asked, 50)
    assert not np.array_equal(rows, rows2), "documents of nearly equal scores do change places"
    assert_rankings_differ_by_rounding_only(rows, scores, rows2, scores2)
    again = rank_all(build(tmp_path / "a", first), first, asked, 50, block=7)
    assert np.array_equal(again[0], rows), "the same vectors give the same bytes"
    assert np.array_equal(again[1], scores)


def test_a_depth_beyond_the_corpus_ranks_all_of_it(tmp_path: Path) -> None:
    table = make_table(tmp_path / "d.arrow", unit_vectors(7))
    rows, _ = rank_all(build(tmp_path / "i", table), table, table, 50)
    assert rows.shape == (7, 7)
    assert all(sorted(row) == list(range(7)) for row in rows.tolist())


def test_an_approximate_index_is_measured_against_exact_search(tmp_path: Path) -> None:
    documents = unit_vectors(2000, 16)
    table = make_table(tmp_path / "d.arrow", documents)
    queries = make_table(tmp_path / "q.arrow", unit_vectors(100, 16, seed=1))
    index = build(tmp_path / "i", table, index="IVF32,Flat")
    recalls = {}
    for nprobe in (1, 32):
        apply_search_parameters(index, f"nprobe={nprobe}")
        (block,) = search(Searcher(index, table, is_exact=False), queries, 20)
        found = recall_against_exact(block, queries, table)
        exact = brute_force(documents, unit_vectors(100, 16, seed=1), table.ids, 20)
        by_hand = np.mean(
            [
                len(set(a) & set(b)) / 20
                for a, b in zip(block.rows.tolist(), exact.tolist(), strict=True)
            ]
        )
        assert found == pytest.approx(by_hand)
        recalls[nprobe] = found
    assert recalls[32] == 1
    assert recalls[1] < 0.6


def test_a_ranking_shorter_than_the_depth_is_not_padded(tmp_path: Path) -> None:
    table = make_table(tmp_path / "d.arrow", unit_vectors(300, 16))
    index = build(tmp_path / "i", table, index="IVF16,Flat")
    apply_search_parameters(index, "nprobe=1")
    (block,) = search(Searcher(index, table, is_exact=False), table, 250)
    assert isinstance(block, Ranking)
    missing = block.rows < 0
    assert missing.any()
    assert np.isneginf(block.scores[missing]).all()
    assert (np.diff(missing.astype(int), axis=1) >= 0).all(), "ranked ones first"


def test_the_index_opens_with_faiss_alone(tmp_path: Path) -> None:
    table = make_table(tmp_path / "d.arrow", unit_vectors(20))
    build(tmp_path / "i", table)
    index = faiss.read_index(str(tmp_path / "i" / INDEX_FILE))
    assert (index.ntotal, index.d, index.metric_type) == (20, 8, faiss.METRIC_INNER_PRODUCT)


def test_an_index_of_other_vectors_is_refused(tmp_path: Path) -> None:
    table = make_table(tmp_path / "d.arrow", unit_vectors(20))
    build(tmp_path / "i", table)
    files = tmp_path / "i" / INDEX_FILE, tmp_path / "i" / IDS_FILE
    wider = make_table(tmp_path / "w.arrow", unit_vectors(20, 16))
    with pytest.raises(SearchError, match="20 of dimension 8.*20 of dimension 16.*again"):
        open_index(*files, wider)
    renamed = make_table(tmp_path / "r.arrow", unit_vectors(20), [f"x{i}" for i in range(20)])
    with pytest.raises(SearchError, match="other vectors"):
        open_index(*files, renamed)


def test_a_corrupt_index_file_is_named(tmp_path: Path) -> None:
    table = make_table(tmp_path / "d.arrow", unit_vectors(20))
    build(tmp_path / "i", table)
    path = tmp_path / "i" / INDEX_FILE
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match=r"index\.faiss is damaged.*materialize faiss_index again"):
        open_index(path, tmp_path / "i" / IDS_FILE, table)


@pytest.mark.parametrize("bad", ["Nonsense", "IVF0x,Flat"])
def test_an_unknown_index_is_refused(tmp_path: Path, bad: str) -> None:
    table = make_table(tmp_path / "d.arrow", unit_vectors(20))
    with pytest.raises(SettingsError, match="is no FAISS index_factory string"):
        build(tmp_path / "i", table, index=bad)


def test_an_index_that_needs_more_vectors_is_refused(tmp_path: Path) -> None:
    table = make_table(tmp_path / "d.arrow", unit_vectors(20))
    with pytest.raises(SettingsError, match="cannot be trained on 20 vectors"):
        build(tmp_path / "i", table, index="IVF64,Flat")


def test_a_parameter_the_index_does_not_have_is_refused(tmp_path: Path) -> None:
    table = make_table(tmp_path / "d.arrow", unit_vectors(20))
    with pytest.raises(SettingsError, match="search_parameters"):
        apply_search_parameters(build(tmp_path / "i", table), "nprobe=4")


def test_pair_scores_are_the_scores_of_the_ranking(tmp_path: Path) -> None:
    table = make_table(tmp_path / "d.arrow", unit_vectors(100))
    queries = make_table(tmp_path / "q.arrow", unit_vectors(9, seed=3))
    rows, scores = rank_all(build(tmp_path / "i", table), table, queries, 30)
    asked = np.repeat(np.arange(9, dtype=np.int64), 30)
    pairs = pair_scores(queries, asked, table, rows.reshape(-1))
    assert np.array_equal(pairs, scores.reshape(-1)), "to the last bit"


def test_scores_of_several_queries_are_computed_in_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads on many cores wait for one another at each call."""
    calls: list[int] = []

    def counted(queries: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        calls.append(len(queries))
        return inner_products(queries, vectors)

    monkeypatch.setattr(searcher, "inner_products", counted)
    table = make_table(tmp_path / "d.arrow", unit_vectors(300, 384))
    Searcher(build(tmp_path / "i", table), table).find(unit_vectors(60, 384, seed=1), 210)
    assert sum(calls) == 60
    assert len(calls) <= 10


class RecordingIndex:
    """A real index that remembers how many documents were asked for in one search."""

    def __init__(self, index: faiss.Index) -> None:
        self.index = index
        self.largest = 0

    def search(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        self.largest = max(self.largest, len(queries) * count)
        return self.index.search(queries, count)


def test_a_search_that_equal_documents_widen_stays_within_the_memory(tmp_path: Path) -> None:
    """A third of the corpus has one text, and all queries are near it."""
    copies = np.repeat(unit_vectors(1, seed=5), 8_000, 0)
    documents = np.concatenate([copies, unit_vectors(16_000)])
    table = make_table(tmp_path / "d.arrow", documents)
    asked = make_table(tmp_path / "q.arrow", np.repeat(documents[:1], 64, 0))
    index = RecordingIndex(build(tmp_path / "i", table))
    memory_mb = 16
    blocks = IncrementalRanking(Searcher(index, table), table, asked, 20, None).rank(memory_mb)
    rows = np.concatenate([block.rows for block in blocks])
    in_order = sorted(range(8_000), key=lambda row: table.ids[row])[:20]
    assert rows.tolist() == [in_order] * 64
    assert index.largest > 8_000, "it was widened to all equal documents"
    assert index.largest * BYTES_PER_CANDIDATE <= memory_mb << 20
