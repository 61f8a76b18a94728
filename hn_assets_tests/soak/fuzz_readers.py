"""Fuzz a reader of data files along its branches, with Google's atheris: `pip install atheris`.

    python -m hn_assets_tests.soak.fuzz_readers jsonl -max_total_time=120

The kind is the end of a file's name: jsonl, csv or tsv. What follows are libFuzzer's options, such
as the folder of the inputs to begin with. It stops at the first input that is neither read as
Python's own reader reads it, nor one error of ours.
"""

import csv
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from hn_assets_tests.any_bytes import lines_with_content, read_or_error

COLUMNS = ["_id", "text"]


def expected_rows(kind: str, content: bytes) -> list[Any]:
    """What Python's own readers make of a file that was read without an error."""
    lines = [line.decode().rstrip("\r\n") for line in lines_with_content(content)]
    if kind == "jsonl":
        return [json.loads(line) for line in lines]
    if kind == "tsv":
        rows = [line.split("\t") for line in lines]
    else:
        rows = list(csv.reader(lines, strict=True))
    rows = [row for row in rows if any(map(str.strip, row))]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def main() -> None:
    """Fuzz until libFuzzer's options end it."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["hn_assets.sources"]):
        from hn_assets.sources.data_files import read_data_file
    kind = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"corpus.{kind}"

        def read_once(content: bytes) -> None:
            path.write_bytes(content)
            found = read_or_error(lambda: read_data_file(path, COLUMNS), path)
            if found is not None:
                assert [row for _, row in found] == expected_rows(kind, content)

        atheris.Setup(sys.argv, read_once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
