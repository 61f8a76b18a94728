"""Check the documents of a source and write them as Parquet."""

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hn_assets.errors import SourceError
from hn_assets.hashing import hash_of_joined, hash_of_normalised, hash_of_text
from hn_assets.ids import Ids
from hn_assets.sources.ingest.document_ids import DocumentIds
from hn_assets.sources.ingest.parquet_writer import write_rows
from hn_assets.sources.ingest.report import SAMPLE, CorpusReport, add_example
from hn_assets.sources.ingest.seen_keys import SeenKeys
from hn_assets.sources.protocol import Document, Source
from hn_assets.store import schemas
from hn_assets.text import has_text, parts_of_text

# Documents are looked up together, as many as come first.
DOCUMENTS_AT_ONCE = 4096
CHARACTERS_AT_ONCE = 1 << 22


def ingest_corpus(source: Source, path: Path | None) -> tuple[CorpusReport, DocumentIds]:
    """Read every document, and write each once.

    Args:
        source: The source to read.
        path: The Parquet file to write, or None to only check the documents.

    Returns:
        The report, and the ids of all documents.

    Raises:
        SourceError: A document cannot be read, an id stands for two texts, or there is no
            document.
    """
    reader = _Reader(source)
    if path is None:
        deque(reader.rows(), maxlen=0)
    else:
        write_rows(path, schemas.CORPUS, reader.rows())
    report = reader.report
    words = np.array(reader.word_counts, np.int64)
    if not len(words):
        raise SourceError("the corpus is empty: there is no document to choose negatives from")
    report.documents = len(words)
    report.words = {
        "min": float(words.min()),
        **{f"p{p}": round(float(np.percentile(words, p)), 1) for p in (10, 50, 90, 99)},
        "max": float(words.max()),
    }
    return report, DocumentIds(Ids(pa.chunked_array(reader.ids, pa.string())))


class _Reader:
    """Reads the documents of a source once, and keeps numbers of those that it has seen.

    Args:
        source: The source.

    Attributes:
        report: What has been found so far.
        word_counts: The number of words of each document that was kept; unsigned, 4 bytes each.
        ids: The ids of these documents.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._contents = SeenKeys()  # by the hash of the id, that of title and text
        self._texts = SeenKeys()  # by the hash of the normalised text
        self.report = CorpusReport()
        self.word_counts = array("I")
        self.ids: list[pa.Array] = []

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each document once as a row."""
        for documents in _groups(self._source.documents()):
            kept = self._not_repeated(documents)
            self._count_texts(kept)
            self.ids.append(pa.array([document.id for document in kept], pa.string()))
            documents.clear()  # a long text is not to be held once it is written
            kept.reverse()
            while kept:
                document = kept.pop()
                row = {"id": document.id, "title": document.title, "text": document.text}
                if len(self.report.sample) < SAMPLE:
                    self.report.sample.append(row)
                yield row

    def _not_repeated(self, documents: list[Document]) -> list[Document]:
        keys = [hash_of_text(document.id) for document in documents]
        new: dict[bytes, int] = {}
        kept: list[Document] = []
        for document, key, earlier in zip(documents, keys, self._contents.find(keys), strict=True):
            whole = hash_of_joined((document.title, "\0", document.text), 8)
            content = int.from_bytes(whole, "little")
            before = new.setdefault(key, content) if earlier is None else earlier
            if before != content:
                raise SourceError(
                    f"document id {document.id!r} is given twice with different texts: "
                    f"{self._where(document.id)} and {document.where}; ids must be unique"
                )
            if earlier is not None or len(new) == len(kept):
                self.report.repeated_rows += 1
            else:
                kept.append(document)
        self._contents.add(list(new), list(new.values()))
        return kept

    def _count_texts(self, documents: list[Document]) -> None:
        keys: list[bytes] = []
        for document in documents:
            whole = f"{document.title} {document.text}"
            self.word_counts.append(sum(len(part.split()) for part in parts_of_text(whole)))
            if not has_text(whole):
                self.report.empty += 1
                add_example(self.report.empty_ids, document.id)
            keys.append(hash_of_normalised(whole))
        new = {key for key, seen in zip(keys, self._texts.find(keys), strict=True) if seen is None}
        self.report.duplicate_texts += len(keys) - len(new)
        self._texts.add(list(new), [0] * len(new))

    def _where(self, document_id: str) -> str:
        """Where the first document of an id stands."""
        documents = self._source.documents()
        return next(document.where for document in documents if document.id == document_id)


def _groups(documents: Iterable[Document]) -> Iterator[list[Document]]:
    group: list[Document] = []
    characters = 0
    for document in documents:
        group.append(document)
        characters += len(document.title) + len(document.text)
        if len(group) == DOCUMENTS_AT_ONCE or characters > CHARACTERS_AT_ONCE:
            yield group
            group, characters = [], 0
    if group:
        yield group
