"""The rows of some queries are read, and groups of rows without them are not."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.store import schemas
from hn_assets.store.read_of_queries import read_of_queries
from hn_assets_tests.store.damaged_group import damage_group

ROWS = [
    {"query_id": f"q{number // 10}", "doc_id": f"d{number}", "rank": number % 10, "score": 0.5}
    for number in range(1_000)
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rankings") / "candidates.parquet"
    table = pa.Table.from_pylist(ROWS, schema=schemas.CANDIDATES)
    pq.write_table(table, path, row_group_size=100)
    return path


@pytest.mark.parametrize("wanted", [["q99", "q0", "none"], ["q9", "q10"], ["none"], []])
def test_their_rows_come_in_the_order_of_the_file(path: Path, wanted: list[str]) -> None:
    found = read_of_queries(path, wanted)
    assert found.schema == schemas.CANDIDATES
    assert found.to_pylist() == [row for row in ROWS if row["query_id"] in wanted]
    assert read_of_queries(path, wanted, ["doc_id"]).equals(found.select(["doc_id"]))


def test_ids_of_a_dictionary_stay_in_one(tmp_path: Path) -> None:
    table = pa.table({"query_id": pa.array(["a", "b", "a"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "ledger.parquet")
    found = read_of_queries(tmp_path / "ledger.parquet", ["a"])
    assert found.schema.field("query_id").type == table.schema.field("query_id").type
    assert found["query_id"].to_pylist() == ["a", "a"]


def test_a_group_without_them_is_not_read(path: Path, tmp_path: Path) -> None:
    damaged = damage_group(path, tmp_path / "candidates.parquet", 4, 3)
    assert len(read_of_queries(damaged, ["q1"])) == 10
    with pytest.raises(OSError):
        read_of_queries(damaged, ["q45"])
