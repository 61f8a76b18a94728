"""Vectors and indexes that must not be searched are recognized."""

from pathlib import Path

import numpy as np

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.evaluation.checks.kinds.vectors import index_agrees_with_vectors, vectors_are_sound
from hn_assets.retrieval.faiss_index import build_index
from hn_assets.settings.search import SearchSettings
from hn_assets.store import layout
from hn_assets_tests.evaluation.checks.dataset_files import (
    TEXTS,
    unit_vectors,
    write_corpus,
    write_vectors,
)


def test_vectors_of_other_texts_or_broken_ones(tmp_path: Path) -> None:
    path, ids = write_corpus(tmp_path, TEXTS), list(TEXTS)
    assert vectors_are_sound(
        write_vectors(tmp_path, ids, unit_vectors(4)), path, normalize=True
    ).passed
    missing = write_vectors(tmp_path, ids[:3], unit_vectors(3))
    found = vectors_are_sound(missing, path, normalize=True)
    assert not found.passed
    assert "3 vectors are not those of the 4 texts" in found.message
    for value in (np.nan, np.inf):
        broken = unit_vectors(4)
        broken[2, 3] = value
        found = vectors_are_sound(write_vectors(tmp_path, ids, broken), path, normalize=True)
        assert not found.passed
        assert "1 vectors hold NaN or infinity" in found.message
    long = write_vectors(tmp_path, ids, 2 * unit_vectors(4))
    assert "4 vectors are not of length 1" in (
        vectors_are_sound(long, path, normalize=True).message
    )
    assert vectors_are_sound(long, path, normalize=False).passed


def test_an_index_of_other_vectors(tmp_path: Path) -> None:
    ids = list(TEXTS)
    path = write_vectors(tmp_path, ids, unit_vectors(4))
    build_index(VectorTable(path), SearchSettings(), tmp_path)
    files = tmp_path / layout.FAISS_INDEX.name, tmp_path / layout.FAISS_INDEX_IDS.name
    assert index_agrees_with_vectors(*files, path).passed
    other = unit_vectors(4)
    other[3] = unit_vectors(1, seed=9)
    found = index_agrees_with_vectors(*files, write_vectors(tmp_path, ids, other))
    assert not found.passed
    assert "1 of 4 vectors in the index are not those" in found.message
    more = write_vectors(tmp_path, [*ids, "e"], unit_vectors(5))
    assert not index_agrees_with_vectors(*files, more).passed
