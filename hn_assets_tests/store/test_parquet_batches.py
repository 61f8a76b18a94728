"""A Parquet file is read in memory that does not grow with it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.store.parquet_batches import parquet_batches
from hn_assets.store.schemas import read_rows

GROUPS, ROWS = 40, 2_000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("batches") / "numbers.parquet"
    number = np.arange(GROUPS * ROWS)
    # what is random takes its place in the file, too
    noise = np.random.default_rng(0).integers(0, 1 << 62, len(number))
    pq.write_table(pa.table({"number": number, "noise": noise}), path, row_group_size=ROWS)
    return path


def test_every_row_comes_once_in_its_order(path: Path) -> None:
    with pq.ParquetFile(path) as file:
        found = pa.Table.from_batches(parquet_batches(file, 700))
        some = pa.Table.from_batches(parquet_batches(file, 700, ["number"], [3, 5]))
    assert found.equals(pq.read_table(path))
    assert some["number"].to_pylist() == [*range(6_000, 8_000), *range(10_000, 12_000)]


def test_what_was_read_is_not_kept(path: Path) -> None:
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in read_rows(path, ["number", "noise"])]
    assert len(held) == GROUPS * ROWS
    # read in one go, the bytes of the whole file were there at the end
    assert max(held) < path.stat().st_size / 4
