"""A dataset as numbers, and documents by query."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.errors import StoreError
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets_tests.mining.ranked_dataset import RankedDataset


def test_a_qrel_without_a_vector_is_an_error() -> None:
    dataset = RankedDataset()
    dataset.judge("q0", "gone", 1)
    with pytest.raises(StoreError, match="the document 'gone', which has no vector"):
        dataset.mine()


def test_documents_are_kept_by_query_in_order() -> None:
    documents = DocumentsByQuery.build(np.array([2, 0, 2, 2]), np.array([7, 5, 3, 7]), 4)
    assert [documents.of(query).tolist() for query in range(4)] == [[5], [], [3, 7], []]
    assert documents.padded(np.array([2, 1, 0])).tolist() == [[3, 7], [-1, -1], [5, -1]]
    assert documents.queries().tolist() == [0, 2, 2]


@given(
    known=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=20),
    values=st.lists(st.integers(-1, 12), min_size=1, max_size=8),
)
def test_a_document_is_contained_if_it_is_among_those_of_the_query(
    known: list[tuple[int, int]], values: list[int]
) -> None:
    queries, rows = (np.array([pair[i] for pair in known], np.int64) for i in (0, 1))
    found = DocumentsByQuery.build(queries, rows, 4).contain(
        np.arange(4), np.tile(np.array(values, np.int64), (4, 1))
    )
    assert found.tolist() == [[(query, value) in known for value in values] for query in range(4)]
