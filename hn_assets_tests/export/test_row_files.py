"""Rows with long texts are written as others are, without being held several times."""

import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.export.base import row_files

TEXT = 'a heart, "quoted" and\nin two lines: 心 '
ROW = {"query": "q", "neg": [TEXT, TEXT * 20_000], "scores": [0.5, None]}


def test_a_row_with_a_long_text_is_the_line_that_json_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_files, "RELEASED_FROM", 1_000)
    assert row_files.write_json_lines(tmp_path / "a.jsonl", [ROW, {"query": "short"}]) == 2
    written = (tmp_path / "a.jsonl").read_text(encoding="utf-8")
    expected = [json.dumps(row, ensure_ascii=False) for row in (ROW, {"query": "short"})]
    assert written.splitlines() == expected


def test_a_long_text_is_written_in_memory_of_twice_its_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_files, "RELEASED_FROM", 1_000)
    text = "the heart pumps blood " * 200_000
    tracemalloc.start()
    row_files.write_json_lines(tmp_path / "a.jsonl", [{"pos": [text]}])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * len(text)  # its JSON, once more while quotes are put around it


def test_groups_with_long_texts_hold_all_rows(tmp_path: Path) -> None:
    rows = [{"text": "x" * 20_000_000}, {"text": "y"}, {"text": "z" * 40_000_000}, {"text": "w"}]
    path = tmp_path / "a.parquet"
    schema = pa.schema([("text", pa.string())])
    assert row_files.write_parquet(path, schema, rows) == 4
    assert [len(text) for text in pq.read_table(path)["text"].to_pylist()] == [
        len(row["text"]) for row in rows
    ]
