"""The source type `table`: Parquet, CSV and JSONL tables whose columns the settings name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hn_assets.errors import SourceError
from hn_assets.settings_base import Settings
from hn_assets.sources.csv_rows import line_breaks_field
from hn_assets.sources.data_files import read_data_file
from hn_assets.sources.fingerprint import fingerprint_files
from hn_assets.sources.protocol import Document, Qrel, Query, Source, SourceSettings
from hn_assets.sources.read_fields import read_id, read_optional_text, read_score, read_text

SUFFIXES = {".parquet", ".csv", ".tsv", ".jsonl"}


class CorpusTable(Settings):
    """The table of the documents and the names of its columns."""

    path: str = Field(min_length=1, description="a .parquet, .csv, .tsv or .jsonl file")
    id: str = Field(default="id", description="column of the ids")
    title: str = Field(default="", description="column of the titles; default: there is none")
    text: str = Field(default="text", description="column of the texts")


class QueriesTable(Settings):
    """The table of the queries and the names of its columns."""

    path: str = Field(min_length=1, description="a .parquet, .csv, .tsv or .jsonl file")
    id: str = Field(default="id", description="column of the ids")
    text: str = Field(default="text", description="column of the texts")
    prompt: str = Field(default="", description="column of the prompts; default: there is none")


class QrelsTable(Settings):
    """The table of the judgements and the names of its columns."""

    path: str = Field(min_length=1, description="a .parquet, .csv, .tsv or .jsonl file")
    query_id: str = Field(default="query_id", description="column of the query ids")
    doc_id: str = Field(default="doc_id", description="column of the document ids")
    score: str = Field(default="", description="column of the grades; default: every grade is 1")
    split: str = Field(default="", description="column of the splits; default: all one split")


class TableSettings(SourceSettings):
    """Parquet, CSV or JSONL tables with named columns."""

    type: Literal["table"]
    corpus: CorpusTable = Field(description="the documents")
    queries: QueriesTable = Field(description="the queries")
    qrels: QrelsTable = Field(description="the relevance judgements")
    split: str = Field(
        default="train",
        min_length=1,
        description="the name of the split if the qrels have no column of splits",
    )
    line_breaks: bool = line_breaks_field()

    def open(self, base: Path) -> "TableFiles":
        """The three tables as a source."""
        return TableFiles(self, base)


class TableFiles(Source):
    """A table each of the documents, the queries and the qrels."""

    def __init__(self, settings: TableSettings, base: Path) -> None:
        self.settings = settings
        self.base = base

    def describe(self) -> dict[str, str]:
        """The type and the paths of the three tables."""
        tables = self.settings
        paths = {"corpus": tables.corpus, "queries": tables.queries, "qrels": tables.qrels}
        return {"type": "table", **{k: str(self._path(t.path)) for k, t in paths.items()}}

    def files(self) -> list[Path]:
        """The files of corpus, queries and qrels."""
        tables = (self.settings.corpus, self.settings.queries, self.settings.qrels)
        return [self._path(table.path) for table in tables]

    def fingerprint(self) -> str | None:
        """A hash of the names and bytes of the three files."""
        return fingerprint_files(self.files())

    def documents(self) -> Iterator[Document]:
        """The rows of the corpus table."""
        table = self.settings.corpus
        for where, row in self._rows(table.path, [table.id, table.text], [table.title]):
            yield Document(
                read_id(row[table.id], f"document id {table.id}", where),
                read_optional_text(row.get(table.title), table.title, where),
                read_text(row[table.text], table.text, where),
                where,
            )

    def queries(self) -> Iterator[Query]:
        """The rows of the queries table."""
        table = self.settings.queries
        for where, row in self._rows(table.path, [table.id, table.text], [table.prompt]):
            yield Query(
                read_id(row[table.id], f"query id {table.id}", where),
                read_text(row[table.text], table.text, where),
                # an empty cell is no prompt
                read_optional_text(row.get(table.prompt), table.prompt, where) or None,
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
        """Yield each row with its place in the file.

        A column that is named must be there, but a line of JSONL may lack an optional one.
        """
        path = self._path(name)
        optional = [column for column in optional if column]
        if path.suffix not in SUFFIXES:
            raise SourceError(f"{path}: the name must end in {', '.join(sorted(SUFFIXES))}")
        if not path.is_file():
            raise SourceError(f"{path} is not there")
        if path.suffix != ".jsonl":
            required = [*required, *optional]
        yield from read_data_file(path, required, optional, line_breaks=self.settings.line_breaks)
