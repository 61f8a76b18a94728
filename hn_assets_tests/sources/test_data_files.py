"""Data files of every kind that is read, and errors that say what to do with the others."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hn_assets.errors import SourceError
from hn_assets.sources.data_files import read_data_file
from hn_assets_tests.any_bytes import damaged, read_or_error

ROWS = [{"_id": str(number), "text": f"fact {number}"} for number in range(200)]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
CSV = "".join(f"{row['_id']},{row['text']}\n" for row in [{"_id": "_id", "text": "text"}, *ROWS])


def zstd(content: bytes) -> bytes:
    compressed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(compressed, "zstd") as file:
        file.write(content)
    return compressed.getvalue().to_pybytes()


def arrow(writer: Callable[..., Any]) -> bytes:
    table, written = pa.Table.from_pylist(ROWS), pa.BufferOutputStream()
    with writer(written, table.schema) as file:
        file.write_table(table, max_chunksize=50)
    return written.getvalue().to_pybytes()


def parquet() -> bytes:
    written = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(ROWS), written)
    return written.getvalue().to_pybytes()


FILES = {
    "a.jsonl": JSONL,
    "a.json": JSONL,
    "a.jsonl.gz": gzip.compress(JSONL),
    "A.JSONL.GZ": gzip.compress(JSONL),
    "a.jsonl.zst": zstd(JSONL),
    "a.csv": CSV.encode(),
    "a.csv.zst": zstd(CSV.encode()),
    "a.tsv.zst": zstd(CSV.replace(",", "\t").encode()),
    "file.arrow": arrow(pa.ipc.new_file),
    "stream.arrow": arrow(pa.ipc.new_stream),
    "a.parquet": parquet(),
}


def read(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_data_file(path, ["_id", "text"], ["title"])]


@pytest.mark.parametrize("name", FILES)
def test_every_kind_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    assert read(path) == ROWS
    place, _ = list(read_data_file(path, ["text"]))[99]
    assert place in {f"{name}:100", f"{name}:101", f"{name}, row 100"}
    with pytest.raises(SourceError, match=rf"{name}.*no column body; the columns are _id, text"):
        list(read_data_file(path, ["body"]))


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith(("json", "jsonl"))])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.97])
def test_a_file_that_is_cut_off_is_never_taken_for_whole(
    tmp_path: Path, name: str, kept: float
) -> None:
    if name == "a.csv" and kept:
        return  # what is left of it is a whole CSV file
    path = tmp_path / name
    path.write_bytes(FILES[name][: int(len(FILES[name]) * kept)])
    with pytest.raises(SourceError, match=name):
        read(path)


@given(damaged(st.sampled_from([FILES["file.arrow"], FILES["stream.arrow"], FILES["a.jsonl.zst"]])))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_gives_its_rows_or_one_error(tmp_path: Path, content: bytes) -> None:
    for name in ("a.arrow", "a.jsonl.zst"):
        path = tmp_path / name
        path.write_bytes(content)
        read_or_error(lambda path=path: read_data_file(path, ["_id", "text"]), path)


@pytest.mark.parametrize("content", [json.dumps(ROWS), json.dumps(ROWS, indent=2), "\n [\n{}]"])
def test_a_json_array_is_an_error_that_says_how_to_make_lines_of_it(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(SourceError, match=r"a.json:\d: .*jq -c '\.\[\]' a\.json >a\.jsonl"):
        read(path)


@pytest.mark.parametrize("name", ["a.xlsx", "a.txt", "a.jsonl.bz2", "a.parquet.gz", "a"])
def test_a_file_of_another_kind_is_an_error_that_names_those_that_can_be_read(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"x")
    with pytest.raises(
        SourceError, match=rf"{name}: .*\.parquet, \.arrow, \.csv, \.tsv, \.jsonl.*\.zst.*Write"
    ):
        read(path)
