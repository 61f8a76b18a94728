"""An index over vectors in float16 is exact for these vectors, in half the room."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter
from hn_assets.errors import SettingsError
from hn_assets.evaluation.checks.kinds.vectors import index_agrees_with_vectors
from hn_assets.retrieval.faiss_index import (
    IDS_FILE,
    INDEX_FILE,
    apply_search_parameters,
    build_index,
    flat_index,
    is_flat,
    open_index,
)
from hn_assets.retrieval.searcher import Searcher
from hn_assets.settings.search import SearchSettings
from hn_assets_tests.retrieval.vector_tables import unit_vectors


def stored(path: Path, vectors: np.ndarray, precision: str) -> VectorTable:
    writer = VectorWriter(path)
    ids = [f"{row:04}" for row in range(len(vectors))]
    writer.write(ids, [bytes(16)] * len(ids), vectors.astype(precision))
    writer.close()
    return VectorTable(path)


def build(folder: Path, vectors: VectorTable, index: str = "Flat") -> tuple[Path, Path]:
    folder.mkdir()
    build_index(vectors, SearchSettings(index=index), folder)
    return folder / INDEX_FILE, folder / IDS_FILE


@pytest.mark.parametrize("copies", [1, 40])
def test_rankings_are_those_of_the_vectors_as_they_are_stored(tmp_path: Path, copies: int) -> None:
    vectors = np.concatenate([unit_vectors(500, 24), np.repeat(unit_vectors(1, 24), copies, 0)])
    half = stored(tmp_path / "half.arrow", vectors, "float16")
    rounded = vectors.astype(np.float16).astype(np.float32)
    whole = stored(tmp_path / "whole.arrow", rounded, "float32")
    index = open_index(*build(tmp_path / "i", half), half)
    queries = unit_vectors(30, 24, seed=1)
    for depth in (5, 100, len(vectors)):
        rows, scores = Searcher(index, half, is_exact=is_flat(index, half)).find(queries, depth)
        exact_rows, exact_scores = Searcher(flat_index(whole), whole).find(queries, depth)
        assert np.array_equal(rows, exact_rows)
        assert np.array_equal(scores, exact_scores)


def test_file_and_memory_are_half_as_large(tmp_path: Path) -> None:
    sizes = []
    for precision in ("float32", "float16"):
        table = stored(tmp_path / f"{precision}.arrow", unit_vectors(400, 96), precision)
        files = build(tmp_path / precision, table)
        sizes.append((files[0].stat().st_size, (tmp_path / f"{precision}.arrow").stat().st_size))
        assert index_agrees_with_vectors(*files, tmp_path / f"{precision}.arrow").passed
    assert sizes[1][0] < 0.51 * sizes[0][0]
    assert sizes[1][1] < 0.6 * sizes[0][1]
    index = faiss.read_index(str(files[0]))
    assert (index.ntotal, index.d, index.metric_type) == (400, 96, faiss.METRIC_INNER_PRODUCT)
    assert index.sa_code_size() == 2 * 96


def test_an_index_of_other_vectors_is_noticed(tmp_path: Path) -> None:
    files = build(tmp_path / "i", stored(tmp_path / "a.arrow", unit_vectors(30), "float16"))
    stored(tmp_path / "b.arrow", unit_vectors(30, seed=1), "float16")
    found = index_agrees_with_vectors(*files, tmp_path / "b.arrow")
    assert not found.passed
    assert "30 of 30 vectors in the index are not those" in found.message


def test_rounded_vectors_in_the_index_alone_are_no_exact_search(tmp_path: Path) -> None:
    """`SQfp16` over vectors in float32 is an index that approximates them."""
    whole = stored(tmp_path / "d.arrow", unit_vectors(30), "float32")
    index = open_index(*build(tmp_path / "i", whole, "SQfp16"), whole)
    assert not is_flat(index, whole)
    queries = unit_vectors(9, seed=1)
    _, scores = Searcher(index, whole, is_exact=False).find(queries, 30)
    _, exact_scores = Searcher(flat_index(whole), whole).find(queries, 30)
    assert np.array_equal(scores, exact_scores), "of the vectors as they are stored"


def test_it_has_no_search_parameters(tmp_path: Path) -> None:
    half = stored(tmp_path / "d.arrow", unit_vectors(30), "float16")
    index = open_index(*build(tmp_path / "i", half), half)
    with pytest.raises(SettingsError, match="do not fit the index"):
        apply_search_parameters(index, "nprobe=4")
