"""What every source yields. `where` is the place a person would look: a file and line, mostly."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from hn_assets.errors import SourceError


class Document(NamedTuple):
    """A passage of the corpus; `title` is "" where there is none."""

    id: str
    title: str
    text: str
    where: str


class Query(NamedTuple):
    """A query; `prompt` is FlagEmbedding's instruction for this one query, nearly always None."""

    id: str
    text: str
    prompt: str | None
    where: str


class Qrel(NamedTuple):
    """A judgement: `doc_id` answers `query_id` where `score` > 0, and does not otherwise."""

    query_id: str
    doc_id: str
    score: int
    split: str
    where: str


class Source(Protocol):
    """Where raw data come from. Each iterator can be started more than once."""

    def describe(self) -> dict[str, str]:
        """Type, location and revision, for people."""
        ...

    def files(self) -> list[Path] | None:
        """The local files it is read from; None where it is not read from files of its own."""
        ...

    def fingerprint(self) -> str | None:
        """Changes with the content, and is known without reading it all; None where it is not."""
        ...

    def documents(self) -> Iterator[Document]:
        """Every document of the corpus."""
        ...

    def queries(self) -> Iterator[Query]:
        """Every query, of all splits."""
        ...

    def qrels(self) -> Iterator[Qrel]:
        """Every judgement, of all splits."""
        ...


def read_id(value: Any, what: str, where: str) -> str:
    """An id as a string; integers are taken as they are written.

    Raises:
        SourceError: there is none, it is blank, or it is neither text nor a whole number.
    """
    if isinstance(value, str) and value.strip():
        return read_text(value, what, where)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    problem = "is missing" if value is None else f"is {value!r}, not text or a whole number"
    raise SourceError(f"{where}: the {what} {problem}")


def read_text(value: Any, what: str, where: str) -> str:
    """A text, which may be empty.

    Raises:
        SourceError: it is missing or is no text.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:  # JSON can escape it, but no file can hold it
            raise SourceError(
                f"{where}: the {what} holds half a character (a lone surrogate)"
            ) from error
        return value
    problem = "is missing" if value is None else f"is {value!r}, not text"
    raise SourceError(f"{where}: the {what} {problem}")


def read_score(value: Any, where: str) -> int:
    """A graded judgement as a whole number.

    Raises:
        SourceError: it is no whole number.
    """
    try:
        number = float(value)
        if number == int(number) and abs(number) < 2**31:
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise SourceError(f"{where}: the score {value!r} is no grade: a whole number such as 0, 1 or 2")
