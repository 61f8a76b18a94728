"""A dataset as numbers, and documents by query."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.errors import StoreError
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery, IndexedDataset, Texts
from hn_assets.mining.rules.always_excluded import exclude
from hn_assets.mining.rules.decisions import NO_CANDIDATE
from hn_assets.mining.rules.reasons import CODES, POSITIVE
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


def test_queries_of_one_text_share_their_positives_in_memory_that_grows_with_their_number() -> None:
    count = 3_000
    rows = np.arange(count)
    ids = [f"{row:05}" for row in rows]
    texts = Texts(documents=rows, queries=np.zeros(count, np.int64), empty=-1)
    queries = pd.DataFrame({"id": ids, "split": "train"})
    qrels = pd.DataFrame({"query_id": ids, "doc_id": ids, "score": 1, "split": "train"})
    tracemalloc.start()
    dataset = IndexedDataset.build(ids, ids, texts, queries, qrels, "train")
    block = CandidateBlock(
        rows[:2], np.array([[0, 1, -1], [2, 2999, 5]]), np.ones((2, 3), np.float32)
    )
    decided = exclude(block, dataset)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    positive = CODES[POSITIVE]
    assert decided.tolist() == [[positive, positive, NO_CANDIDATE], [positive] * 3]
    assert peak < 20_000_000
