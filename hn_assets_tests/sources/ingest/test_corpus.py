"""Documents pass through in portions; of each, little more than its id is kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hn_assets.errors import SourceError
from hn_assets.sources.ingest import corpus
from hn_assets.sources.ingest.corpus import ingest_corpus
from hn_assets.sources.protocol import Document
from hn_assets_tests.peak_memory import peak_memory


class Documents:
    """A source of documents alone."""

    def __init__(self, rows: list[tuple[str, str]] | int) -> None:
        self.rows = rows

    def documents(self) -> Iterator[Document]:
        if isinstance(self.rows, int):
            for number in range(self.rows):
                yield Document(f"doc{number}", "", f"text {number}", f"corpus.jsonl:{number + 1}")
            return
        for number, (name, text) in enumerate(self.rows, 1):
            yield Document(name, "", text, f"corpus.jsonl:{number}")


def ingest(rows: list[tuple[str, str]] | int, path: Path | None = None):
    source: Any = Documents(rows)
    return ingest_corpus(source, path)


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_portions_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(corpus, "DOCUMENTS_AT_ONCE", at_once)
    rows = [("a", "x"), ("b", "y z"), ("a", "x"), ("c", "X"), ("b", "y z"), ("d", ""), ("a", "x")]
    report, ids = ingest(rows, tmp_path / "c.parquet")
    assert (report.documents, report.repeated_rows, report.duplicate_texts) == (4, 3, 1)
    assert report.empty_ids == ["d"]
    assert (report.words["min"], report.words["max"]) == (0, 2)
    assert [row["id"] for row in report.sample] == ["a", "b", "c", "d"]
    assert pd.read_parquet(tmp_path / "c.parquet").text.tolist() == ["x", "y z", "X", ""]
    assert list(ids) == ["a", "b", "c", "d"]
    assert ids.among(["d", "e", "a"]) == {"a", "d"}
    message = r"'b' is given twice.*corpus.jsonl:2 and corpus.jsonl:8; ids must be unique"
    with pytest.raises(SourceError, match=message):
        ingest([*rows, ("b", "y")])


def test_little_is_kept_of_a_document() -> None:
    count = 20_000
    with peak_memory() as peak:
        report, ids = ingest(count)
    assert report.documents == len(ids) == count
    assert peak.bytes < 300 * count
