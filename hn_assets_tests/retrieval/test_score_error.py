"""What rounding adds to the scores of an index is never more than was said."""

from pathlib import Path

import numpy as np
import pytest

from hn_assets.retrieval.faiss_index import flat_index
from hn_assets.retrieval.gpu_index import fill_flat_index
from hn_assets.retrieval.score_error import ScoreError
from hn_assets.retrieval.scores import inner_products
from hn_assets.retrieval.searcher import Searcher
from hn_assets_tests.retrieval.vector_tables import make_table, unit_vectors


@pytest.mark.parametrize("size", [1.0, 30.0, 1e-3, 1e-7])
@pytest.mark.parametrize("dimension", [4, 384])
def test_no_score_is_further_off_than_the_bound(
    tmp_path: Path, cards: list[int], size: float, dimension: int
) -> None:
    """Also where vectors are so short that float16 has few digits for them, or none."""
    vectors, queries = (unit_vectors(400, dimension, seed) * size for seed in (0, 1))
    vectors, queries = vectors.astype(np.float32), queries[:30].astype(np.float32)
    documents = make_table(tmp_path / "d.arrow", vectors)
    exact = inner_products(queries, np.broadcast_to(vectors, (30, *vectors.shape)))
    for half, index in ((True, fill_flat_index(documents, [0])), (False, flat_index(documents))):
        scores, rows = index.search(queries, 400)
        wrong = np.abs(scores - np.take_along_axis(exact, rows, 1)).max(axis=1)
        bound = ScoreError(documents, in_float16=half).of_index(queries)
        assert (wrong <= bound).all()
    if size >= 1e-3:
        assert (bound < 1e-3 * size * size).all()


def test_what_float16_cannot_hold_is_compared_on_the_cpu(tmp_path: Path, cards: list[int]) -> None:
    documents = make_table(tmp_path / "d.arrow", 1e6 * unit_vectors(300))
    queries = unit_vectors(7, seed=1)
    searcher = Searcher(fill_flat_index(documents, [0]), documents, "gpu")
    exact = Searcher(flat_index(documents), documents).find(queries, 20)
    found = searcher.find(queries, 20)
    assert np.array_equal(found[0], exact[0])
    assert np.array_equal(found[1], exact[1])
    assert searcher.compared_with_all == 7
