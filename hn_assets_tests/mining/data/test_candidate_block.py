"""Candidates are read block by block."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from hn_assets.errors import StoreError
from hn_assets.ids import Ids
from hn_assets.mining.data.candidate_block import CandidateBlock, join_blocks, read_candidate_blocks
from hn_assets_tests.mining.ranked_dataset import RankedDataset, write_candidates


@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
def test_candidates_are_read_in_blocks_that_cut_no_query(tmp_path: Path, rows: int) -> None:
    dataset = RankedDataset(queries=6, documents=5)
    block = write_candidates(dataset, tmp_path / "c.parquet")
    blocks = list(read_candidate_blocks(tmp_path / "c.parquet", dataset.indexed, rows))
    assert len(blocks) == (2 if rows == 1000 else {1: 6, 3: 6, 7: 5}[rows])
    for part in ("queries", "documents", "scores"):
        joined = np.concatenate([getattr(block, part) for block in blocks])
        assert np.array_equal(joined, getattr(block, part))


def test_only_mined_queries_are_read(tmp_path: Path) -> None:
    dataset = RankedDataset(queries=3, documents=5)
    dataset.qrels = dataset.qrels.drop(index=1)
    write_candidates(dataset, tmp_path / "c.parquet")
    blocks = list(read_candidate_blocks(tmp_path / "c.parquet", dataset.indexed))
    assert [row for block in blocks for row in block.queries] == [0, 2]


@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
def test_of_queries_that_are_not_wanted_no_document_is_looked_up(tmp_path: Path, rows: int) -> None:
    dataset = RankedDataset(queries=6, documents=5)
    block = write_candidates(dataset, tmp_path / "c.parquet")
    wanted = np.isin(np.arange(6), [1, 4])
    looked_up: list[int] = []

    class Counted(Ids):
        def rows_of(self, wanted: Any) -> NDArray[np.int64]:
            if not isinstance(wanted, pa.DictionaryArray):  # whose ids are then looked up
                looked_up.append(len(wanted))
            return super().rows_of(wanted)

    ids = replace(dataset.indexed, document_ids=Counted(dataset.indexed.document_ids.column))
    blocks = list(read_candidate_blocks(tmp_path / "c.parquet", ids, rows, wanted=wanted))
    for part in ("queries", "documents", "scores"):
        joined = np.concatenate([getattr(block, part) for block in blocks])
        assert np.array_equal(joined, getattr(block, part)[wanted])
    # an id that many rows share is looked up once; a query at the end of a batch may go on
    assert sum(looked_up) <= (15 if rows == 1000 else 30)


def test_a_ranked_document_that_left_the_corpus_is_an_error(tmp_path: Path) -> None:
    write_candidates(RankedDataset(), tmp_path / "c.parquet")
    with pytest.raises(StoreError, match="document 'd8' and 1 more"):
        list(read_candidate_blocks(tmp_path / "c.parquet", RankedDataset(documents=8).indexed))


def test_blocks_of_different_depth_are_joined() -> None:
    deep, flat = RankedDataset(queries=2, documents=5).block(), RankedDataset(documents=3).block()
    joined = join_blocks([flat, deep])
    assert joined.documents[0].tolist() == [0, 1, 2, -1, -1]
    assert np.isneginf(joined.scores[0, 3:]).all()
    assert np.array_equal(joined.documents[1:], deep.documents)
    assert isinstance(joined, CandidateBlock) and join_blocks([]).depth == 0
