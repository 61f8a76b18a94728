"""The source type `flagembedding`: the JSONL files that FlagEmbedding's hn_mine reads."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hn_assets.errors import SourceError
from hn_assets.sources.fingerprint import fingerprint_files
from hn_assets.sources.jsonl import read_objects
from hn_assets.sources.protocol import Document, Qrel, Query, Source, SourceSettings
from hn_assets.sources.read_fields import read_text
from hn_assets.text import shorten, text_id


class FlagEmbeddingSettings(SourceSettings):
    """What hn_mine reads: JSONL lines with query, pos, and maybe neg and prompt."""

    type: Literal["flagembedding"]
    file: str = Field(min_length=1, description="the JSONL file of queries and positives")
    candidate_pool: str = Field(
        default="",
        description=(
            "JSONL file of passages (`text`) that negatives come from, beside the positives; "
            "default: all `pos` and `neg` of the file"
        ),
    )
    split: str = Field(
        default="train", min_length=1, description="the name given to the file's only split"
    )

    def open(self, base: Path) -> "FlagEmbeddingFile":
        """The file as a source."""
        return FlagEmbeddingFile(self, base)


class FlagEmbeddingFile(Source):
    """Queries with their positives, whose ids are made from their texts.

    Lines with the same query are one query with the positives of all these lines. A positive is
    part of the corpus even if the file of candidate passages lacks it, because training needs its
    text.
    """

    def __init__(self, settings: FlagEmbeddingSettings, base: Path) -> None:
        self.file = base / Path(settings.file).expanduser()
        name = settings.candidate_pool
        self.candidate_file = base / Path(name).expanduser() if name else None
        self.split = settings.split

    def describe(self) -> dict[str, str]:
        """The type, the file, and the file of candidate passages if there is one."""
        described = {"type": "flagembedding", "location": str(self.file)}
        if self.candidate_file:
            described["candidate_pool"] = str(self.candidate_file)
        return described

    def files(self) -> list[Path]:
        """The file, and the file of candidate passages if there is one."""
        return [self.file, *([self.candidate_file] if self.candidate_file else [])]

    def fingerprint(self) -> str | None:
        """A hash of the names and bytes of the files."""
        return fingerprint_files(self.files())

    def documents(self) -> Iterator[Document]:
        """Every passage once: the candidate passages and then the positives.

        Without a file of candidate passages, the corpus is every text in `pos` and `neg`.
        """
        seen: set[str] = set()
        for text, where in self._passages():
            doc_id = text_id(text)
            if doc_id not in seen:
                seen.add(doc_id)
                yield Document(doc_id, "", text, where)

    def queries(self) -> Iterator[Query]:
        """Every query once, with the prompt of its first line that has one."""
        prompts: dict[str, str | None] = {}
        first: dict[str, tuple[str, str]] = {}
        for where, row in read_objects(self.file):
            text = read_text(row.get("query"), "query", where)
            prompt = row.get("prompt")
            query_id = text_id(text)
            first.setdefault(query_id, (text, where))
            if prompts.get(query_id) is None:
                prompts[query_id] = None if prompt is None else read_text(prompt, "prompt", where)
        for query_id, (text, where) in first.items():
            yield Query(query_id, text, prompts[query_id], where)

    def qrels(self) -> Iterator[Qrel]:
        """Every positive of every query, with the grade 1."""
        seen: set[tuple[str, str]] = set()
        for where, row in read_objects(self.file):
            query_id = text_id(read_text(row.get("query"), "query", where))
            for text in _texts(row, "pos", where):
                pair = (query_id, text_id(text))
                if pair not in seen:
                    seen.add(pair)
                    yield Qrel(*pair, 1, self.split, where)

    def _passages(self) -> Iterator[tuple[str, str]]:
        if self.candidate_file is not None:
            for where, row in read_objects(self.candidate_file):
                yield read_text(row.get("text"), "text", where), where
        for where, row in read_objects(self.file):
            for text in _texts(row, "pos", where):
                yield text, where
            if self.candidate_file is None:
                for text in _texts(row, "neg", where):
                    yield text, where


def _texts(row: dict[str, Any], key: str, where: str) -> list[str]:
    values = row.get(key, [] if key == "neg" else None)
    if isinstance(values, str):
        sample = shorten(values, 40)
        raise SourceError(
            f"{where}: {key} is a text, {sample!r}; one text, too, stands in a list of texts: "
            f'"{key}": [{json.dumps(sample, ensure_ascii=False)}]'
        )
    if not isinstance(values, list):
        found = "missing" if values is None else f"a {type(values).__name__}"
        raise SourceError(f"{where}: {key} is {found}; it must be a list of texts")
    return [read_text(value, f"text in {key}", where) for value in values]
