"""Vectors on disk: anyone can read them, and broken ones never get there."""

import timeit
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter, check_finite
from hn_assets.errors import ModelError, StoreError


def write(path: Path, *blocks: np.ndarray) -> None:
    writer, first = VectorWriter(path), 0
    for block in blocks:
        ids = [f"{i:03}" for i in range(first, first + len(block))]
        writer.write(ids, [i.encode().ljust(16) for i in ids], block)
        first += len(block)
    writer.close()


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_vectors_come_back_by_row_and_by_block(tmp_path: Path, precision: str) -> None:
    stored = np.random.default_rng(0).normal(size=(70, 5)).astype(precision)
    write(tmp_path / "v.arrow", stored[:30], stored[30:])
    table, vectors = VectorTable(tmp_path / "v.arrow"), stored.astype(np.float32)
    assert (len(table), table.dimension, table.ids[7]) == (70, 5, "007")
    assert table.precision == precision
    assert {block.dtype for block in [*table.blocks(), table.take(np.arange(3))]} == {
        np.dtype(np.float32)
    }
    assert np.array_equal(np.concatenate(list(table.blocks())), vectors)
    rows = np.array([69, 0, 30, 29, 0], np.int64)
    assert np.array_equal(table.take(rows), vectors[rows])
    for beyond in (70, -1):
        with pytest.raises(IndexError):
            table.take(np.array([3, beyond], np.int64))


def test_rows_of_many_blocks_come_as_fast_as_those_of_one(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(8_000, 4)).astype(np.float32)
    write(tmp_path / "one.arrow", vectors)
    write(tmp_path / "many.arrow", *vectors.reshape(2_000, 4, 4))
    one, many = VectorTable(tmp_path / "one.arrow"), VectorTable(tmp_path / "many.arrow")
    rows = np.random.default_rng(1).integers(0, 8_000, 500)
    assert np.array_equal(many.take(rows), vectors[rows])
    seconds = [min(timeit.repeat(lambda t=t: t.take(rows), number=5)) for t in (one, many)]
    assert seconds[1] < 8 * seconds[0]


def test_vectors_of_other_components_are_no_vectors(tmp_path: Path) -> None:
    write(tmp_path / "v.arrow", np.eye(3, dtype=np.float64))  # type: ignore[arg-type]
    with pytest.raises(StoreError, match=r"v\.arrow is not a file of vectors: .* of double"):
        VectorTable(tmp_path / "v.arrow")


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_pandas_reads_the_file(tmp_path: Path, precision: str) -> None:
    write(tmp_path / "v.arrow", np.eye(3, dtype=precision))
    frame = pd.read_feather(tmp_path / "v.arrow")
    assert frame.id.tolist() == ["000", "001", "002"]
    assert np.array_equal(np.stack(frame.vector.tolist()), np.eye(3))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_named(bad: float) -> None:
    vectors = np.ones((4, 3), np.float32)
    vectors[2, 1] = bad
    with pytest.raises(ModelError, match="vector of document '002' is not finite"):
        check_finite(["000", "001", "002", "003"], vectors, "document")


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "v.arrow").write_text("not Arrow at all, but long enough to look at")
    with pytest.raises(StoreError, match=r"v\.arrow is not a file of vectors"):
        VectorTable(tmp_path / "v.arrow")


@given(st.data())
def test_whatever_bytes_come_they_are_vectors_or_named(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("vectors") / "v.arrow"
    write(path, np.eye(3, dtype=np.float32), np.ones((2, 3), np.float32))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["flip", "byte", "cut", "number"])):
            case "flip":
                content[at] ^= 1 << data.draw(st.integers(0, 7))
            case "byte":
                content[at] = data.draw(st.integers(0, 255))
            case "cut":
                content[at:] = data.draw(st.binary(min_size=1, max_size=20))
            case "number":
                content[at : at + 4] = data.draw(st.binary(min_size=4, max_size=4))
    path.write_bytes(content)
    try:
        table = VectorTable(path)
    except StoreError as error:
        assert "v.arrow is not a file of vectors" in str(error)
    else:
        assert len(table.ids) == len(table.text_keys()) == sum(map(len, table.blocks()))
        assert table.take(np.arange(len(table))).shape == (len(table), table.dimension)
