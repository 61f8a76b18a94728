"""What a kind of source has to offer: its settings, and a reader of documents, queries and qrels.

Every record carries `where`: the place in the raw data that a person would look at, which mostly
is the name of a file and a line.
"""

from abc import abstractmethod
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from typing_extensions import Self

from hn_assets.hashing import state_of_files
from hn_assets.settings_base import Settings


class Document(NamedTuple):
    """A passage of the corpus.

    Attributes:
        id: The id, unique in the corpus.
        title: The title, or "" if there is none.
        text: The text without the title.
        where: The place in the raw data.
    """

    id: str
    title: str
    text: str
    where: str


class Query(NamedTuple):
    """A query.

    Attributes:
        id: The id, unique among the queries of all splits.
        text: The text.
        prompt: FlagEmbedding's instruction for this one query, or None, as nearly always.
        where: The place in the raw data.
    """

    id: str
    text: str
    prompt: str | None
    where: str


class Qrel(NamedTuple):
    """A relevance judgement of one document for one query.

    Attributes:
        query_id: The id of the query.
        doc_id: The id of the document.
        score: The grade: above 0 if the document is relevant, else 0 or less.
        split: The split that the judgement belongs to, such as `train`.
        where: The place in the raw data.
    """

    query_id: str
    doc_id: str
    score: int
    split: str
    where: str


class Source(Protocol):
    """A reader of raw data. Each of its iterators can be started more than once."""

    @abstractmethod
    def describe(self) -> dict[str, str]:
        """Type, location and revision of the source, for people to read."""
        ...

    @abstractmethod
    def files(self) -> list[Path] | None:
        """The local files that are read, or None if the source does not consist of local files."""
        ...

    @abstractmethod
    def fingerprint(self) -> str | None:
        """A text that changes with the content, or None if only reading it all would tell."""
        ...

    def state(self) -> str:
        """A short text that changes when the source may have changed, found without reading it.

        Unless a source knows better, these are the sizes and times of its files.

        Raises:
            HubError: The Hugging Face hub has to be asked and does not answer.
        """
        return state_of_files(self.files() or [])

    @abstractmethod
    def documents(self) -> Iterator[Document]:
        """Every document of the corpus."""
        ...

    @abstractmethod
    def queries(self) -> Iterator[Query]:
        """Every query of every split."""
        ...

    @abstractmethod
    def qrels(self) -> Iterator[Qrel]:
        """Every judgement of every split."""
        ...

    def check_references(self, doc_ids: Set[str], query_ids: Set[str]) -> None:
        """Refuse what names a document or a query that does not exist, and must not be dropped.

        By default everything may be dropped, and is counted.

        Args:
            doc_ids: The ids of all documents.
            query_ids: The ids of all queries, of those without text too.

        Raises:
            SourceError: Something names what does not exist.
        """


class SourceSettings(Settings):
    """Base class of the settings of every kind of source.

    A subclass narrows `type` to a `Literal` with the name of the kind, which is what the YAML
    file says under `source.type`.
    """

    # a `Literal` in every subclass; declared as text, type checkers would refuse to narrow it
    type: Any

    @abstractmethod
    def open(self, base: Path) -> Source:
        """The source that these settings describe. Nothing is read yet.

        Args:
            base: The folder that relative paths start from.
        """

    @property
    def technology(self) -> str:
        """What the data are kept in, such as `huggingface`, as a label in user interfaces."""
        return self.type

    def origin(self, base: Path) -> str:
        """Where the data come from, as strangers are told; it names nothing of this machine.

        A kind of source whose data are public names them.

        Args:
            base: The folder that relative paths start from.
        """
        return f"a source of type {self.type}"

    def with_folder(self, folder: str) -> Self | None:
        """These settings with another local folder, or None if this kind does not read a folder.

        Args:
            folder: The folder, relative to the project's root or absolute.
        """
        return None
