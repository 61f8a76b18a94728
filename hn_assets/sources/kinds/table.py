"""Parquet, CSV and JSONL tables whose columns the settings name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from hn_assets.errors import SourceError
from hn_assets.settings.source import TableSource
from hn_assets.sources.jsonl import fingerprint_files, read_objects
from hn_assets.sources.protocol import Document, Qrel, Query, read_id, read_score, read_text

SUFFIXES = {".parquet", ".csv", ".tsv", ".jsonl"}


class Tables:
    """Three tables: corpus, queries, qrels."""

    def __init__(self, settings: TableSource, base: Path) -> None:
        self.settings = settings
        self.base = base

    def describe(self) -> dict[str, str]:
        """Type and the three paths."""
        tables = self.settings
        paths = {"corpus": tables.corpus, "queries": tables.queries, "qrels": tables.qrels}
        return {"type": "table", **{k: str(self._path(t.path)) for k, t in paths.items()}}

    def files(self) -> list[Path]:
        """Of corpus, queries and qrels."""
        tables = (self.settings.corpus, self.settings.queries, self.settings.qrels)
        return [self._path(table.path) for table in tables]

    def fingerprint(self) -> str | None:
        """Of the bytes of the three files."""
        return fingerprint_files(self.files())

    def documents(self) -> Iterator[Document]:
        """The rows of the corpus table."""
        table = self.settings.corpus
        for where, row in self._rows(table.path, [table.id, table.text], [table.title]):
            yield Document(
                read_id(row[table.id], f"document id {table.id}", where),
                read_text(row.get(table.title) or "", table.title, where),
                read_text(row[table.text], table.text, where),
                where,
            )

    def queries(self) -> Iterator[Query]:
        """The rows of the queries table."""
        table = self.settings.queries
        for where, row in self._rows(table.path, [table.id, table.text], [table.prompt]):
            # an empty cell is no prompt
            prompt = row.get(table.prompt) or None
            yield Query(
                read_id(row[table.id], f"query id {table.id}", where),
                read_text(row[table.text], table.text, where),
                None if prompt is None else read_text(prompt, table.prompt, where),
                where,
            )

    def qrels(self) -> Iterator[Qrel]:
        """The rows of the qrels table."""
        table = self.settings.qrels
        columns = [table.query_id, table.doc_id, table.score, table.split]
        for where, row in self._rows(table.path, [column for column in columns if column], []):
            yield Qrel(
                read_id(row[table.query_id], table.query_id, where),
                read_id(row[table.doc_id], table.doc_id, where),
                read_score(row[table.score], where) if table.score else 1,
                read_text(row[table.split], table.split, where)
                if table.split
                else self.settings.split,
                where,
            )

    def _path(self, path: str) -> Path:
        return self.base / Path(path).expanduser()

    def _rows(
        self, name: str, required: list[str], optional: list[str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows with their places. A named column must be there; in JSONL, an optional may miss."""
        path = self._path(name)
        wanted = [*required, *(column for column in optional if column)]
        if path.suffix not in SUFFIXES:
            raise SourceError(f"{path}: the name must end in {', '.join(sorted(SUFFIXES))}")
        if not path.is_file():
            raise SourceError(f"{path} is not there")
        if path.suffix == ".jsonl":
            for where, row in read_objects(path):
                _check_columns(required, list(row), where)
                yield where, row
            return
        number = 0
        try:
            for batch in _batches(path, wanted):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path.name}, row {number}", row
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise SourceError(f"{path}, after row {number}: {error}") from error


def _batches(path: Path, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        file = pq.ParquetFile(path)
        _check_columns(wanted, file.schema_arrow.names, str(path))
        yield from file.iter_batches(columns=wanted)
        return
    if path.suffix == ".tsv":
        # as retrieval data are written: a quote is a character, and no row is lost to a stray one
        parsing = csv.ParseOptions(delimiter="\t", quote_char=False)
    else:
        parsing = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(path, parse_options=parsing) as reader:
        names = reader.schema.names
    _check_columns(wanted, names, str(path))
    # every column as text: "007" is an id, not a number
    conversion = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=wanted,
        strings_can_be_null=False,
    )
    with csv.open_csv(path, parse_options=parsing, convert_options=conversion) as reader:
        yield from reader


def _check_columns(wanted: list[str], found: list[str], where: str) -> None:
    missing = [column for column in wanted if column not in found]
    if missing:
        raise SourceError(
            f"{where}: no column {', '.join(missing)}; the columns are {', '.join(found)}"
        )
