"""The source type `beir`: a local folder in the layout of the BEIR benchmark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from typing_extensions import Self

from hn_assets.errors import SourceError
from hn_assets.sources.fingerprint import fingerprint_files
from hn_assets.sources.jsonl import read_lines, read_objects
from hn_assets.sources.protocol import Document, Qrel, Query, Source, SourceSettings
from hn_assets.sources.read_fields import read_id, read_optional_text, read_score, read_text


class BeirSettings(SourceSettings):
    """A folder in BEIR layout: corpus.jsonl, queries.jsonl and qrels/<split>.tsv."""

    type: Literal["beir"]
    folder: str = Field(
        min_length=1, description="the folder, relative to the project's root or absolute"
    )

    def open(self, base: Path) -> "BeirFolder":
        """The folder as a source."""
        return BeirFolder(base / Path(self.folder).expanduser())

    def with_folder(self, folder: str) -> Self:
        """These settings with another folder."""
        return self.model_copy(update={"folder": folder})


class BeirFolder(Source):
    """A folder that holds corpus.jsonl, queries.jsonl and qrels/<split>.tsv."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def describe(self) -> dict[str, str]:
        """The type and the folder."""
        return {"type": "beir", "location": str(self.folder)}

    def files(self) -> list[Path]:
        """The files of corpus and queries, and the qrels of every split."""
        names = [self.folder / "corpus.jsonl", self.folder / "queries.jsonl"]
        return [*names, *sorted((self.folder / "qrels").glob("*.tsv"))]

    def fingerprint(self) -> str | None:
        """A hash of the names and bytes of all files."""
        return fingerprint_files(self.files())

    def documents(self) -> Iterator[Document]:
        """The lines of corpus.jsonl; keys other than _id, title and text are ignored."""
        self._check_folder()
        for where, row in read_objects(self.folder / "corpus.jsonl"):
            yield make_document(row, where)

    def queries(self) -> Iterator[Query]:
        """The lines of queries.jsonl; keys other than _id and text are ignored."""
        self._check_folder()
        for where, row in read_objects(self.folder / "queries.jsonl"):
            yield make_query(row, where)

    def qrels(self) -> Iterator[Qrel]:
        """The lines of every qrels/<split>.tsv, with or without a header."""
        self._check_folder()
        files = sorted((self.folder / "qrels").glob("*.tsv"))
        if not files:
            raise SourceError(f"{self.folder / 'qrels'} has no <split>.tsv: there are no qrels")
        for path in files:
            for position, (where, line) in enumerate(read_lines(path)):
                where = f"qrels/{where}"
                parts = [part.strip() for part in line.split("\t")]
                if len(parts) != 3:
                    raise SourceError(
                        f"{where}: {len(parts)} columns, but query-id, corpus-id and score are "
                        f"needed, with tabs between"
                    )
                if position == 0 and parts[2].lower() == "score":
                    continue
                yield Qrel(
                    read_id(parts[0], "query id", where),
                    read_id(parts[1], "corpus id", where),
                    read_score(parts[2], where),
                    path.stem,
                    where,
                )

    def _check_folder(self) -> None:
        if not self.folder.is_dir():
            raise SourceError(
                f"the folder {self.folder} is not there; it should hold corpus.jsonl, "
                f"queries.jsonl and qrels/<split>.tsv"
            )


def make_document(row: dict[str, Any], where: str) -> Document:
    """A document from a row with BEIR's keys: _id, text, and title, which may be missing.

    Raises:
        SourceError: The id or the text is missing or is not text.
    """
    return Document(
        read_id(row.get("_id"), "document id _id", where),
        read_optional_text(row.get("title"), "title", where),
        read_text(row.get("text"), "text", where),
        where,
    )


def make_query(row: dict[str, Any], where: str) -> Query:
    """A query from a row with BEIR's keys: _id and text.

    Raises:
        SourceError: The id or the text is missing or is not text.
    """
    return Query(
        read_id(row.get("_id"), "query id _id", where),
        read_text(row.get("text"), "text", where),
        None,
        where,
    )
