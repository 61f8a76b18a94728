"""Reading some rows of a table: only those with the ids, in the order of the file."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.store.schemas import QUERIES, read_query_texts, read_rows
from hn_assets_tests.store.damaged_group import damage_group

IDS = [f"q{number}" for number in range(10_000)]


@pytest.fixture(scope="module")
def queries(tmp_path_factory) -> Path:
    """10,000 queries in groups of 1,000, more than are read at once."""
    path = tmp_path_factory.mktemp("schemas") / "queries.parquet"
    rows = [{"id": one, "text": f"text of {one}", "split": "train"} for one in IDS]
    pq.write_table(pa.Table.from_pylist(rows, QUERIES), path, row_group_size=1_000)
    return path


@pytest.mark.parametrize(
    "wanted",
    [
        ["q9999", "q0", "q4097", "none has this id"],
        ["q2500", "q2501"],
        IDS[::3],
        IDS,
        ["none has this id"],
        [],
    ],
)
def test_rows_with_some_ids_are_read(queries: Path, wanted: list[str]) -> None:
    found = [row["id"] for row in read_rows(queries, ["id", "text"], wanted)]
    assert found == [one for one in IDS if one in set(wanted)]
    assert read_query_texts(queries, set(wanted)) == {one: f"text of {one}" for one in found}


def test_of_no_rows_none_is_read(tmp_path: Path) -> None:
    path = tmp_path / "queries.parquet"
    pq.ParquetWriter(path, QUERIES).close()
    assert not list(read_rows(path, ["id"], ["a"]))


def test_groups_without_a_wanted_row_are_not_read(queries: Path, tmp_path: Path) -> None:
    damaged = damage_group(queries, tmp_path / "queries.parquet", 4, 1)
    assert [row["text"] for row in read_rows(damaged, ["id", "text"], ["q1"])] == ["text of q1"]
    with pytest.raises(OSError):
        list(read_rows(damaged, ["id", "text"], ["q4001"]))
