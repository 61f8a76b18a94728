"""The JSONL files that hn_mine reads."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hn_assets.errors import SourceError
from hn_assets.settings.source import FlagEmbeddingSource
from hn_assets.sources.jsonl import fingerprint_files, read_objects
from hn_assets.sources.protocol import Document, Qrel, Query, read_text
from hn_assets.text import text_id


class FlagEmbeddingFile:
    """Queries with their positives; ids are made from the texts.

    Lines that ask the same query are one query with all their positives. A positive is part of
    the corpus even where a candidate pool lacks it, as training needs its text.
    """

    def __init__(self, settings: FlagEmbeddingSource, base: Path) -> None:
        self.file = base / Path(settings.file).expanduser()
        pool = settings.candidate_pool
        self.pool = base / Path(pool).expanduser() if pool else None
        self.split = settings.split

    def describe(self) -> dict[str, str]:
        """Type and location."""
        pool = {"candidate_pool": str(self.pool)} if self.pool else {}
        return {"type": "flagembedding", "location": str(self.file), **pool}

    def files(self) -> list[Path]:
        """The file, and the pool where there is one."""
        return [self.file, *([self.pool] if self.pool else [])]

    def fingerprint(self) -> str | None:
        """Of the bytes of the files."""
        return fingerprint_files(self.files())

    def documents(self) -> Iterator[Document]:
        """Every passage once: the pool, then the positives; without a pool, pos and neg."""
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
        """A grade of 1 for every positive of every query."""
        seen: set[tuple[str, str]] = set()
        for where, row in read_objects(self.file):
            query_id = text_id(read_text(row.get("query"), "query", where))
            for text in _texts(row, "pos", where):
                pair = (query_id, text_id(text))
                if pair not in seen:
                    seen.add(pair)
                    yield Qrel(*pair, 1, self.split, where)

    def _passages(self) -> Iterator[tuple[str, str]]:
        if self.pool is not None:
            for where, row in read_objects(self.pool):
                yield read_text(row.get("text"), "text", where), where
        for where, row in read_objects(self.file):
            for text in _texts(row, "pos", where):
                yield text, where
            if self.pool is None:
                for text in _texts(row, "neg", where):
                    yield text, where


def _texts(row: dict[str, Any], key: str, where: str) -> list[str]:
    values = row.get(key, [] if key == "neg" else None)
    if not isinstance(values, list):
        raise SourceError(f"{where}: {key} must be a list of texts")
    return [read_text(value, f"text in {key}", where) for value in values]
