"""Check the documents of a source and write them as Parquet."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hn_assets.errors import SourceError
from hn_assets.hashing import hash_of_joined, hash_of_normalised
from hn_assets.sources.ingest.parquet_writer import write_rows
from hn_assets.sources.ingest.report import SAMPLE, CorpusReport, add_example
from hn_assets.sources.protocol import Source
from hn_assets.store import schemas
from hn_assets.text import has_text, parts_of_text


def ingest_corpus(source: Source, path: Path | None) -> tuple[CorpusReport, set[str]]:
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
    report = CorpusReport()
    # by id: a hash of title and text, and the place of the document
    known: dict[str, tuple[bytes, str]] = {}
    word_counts: list[int] = []
    rows = _unique_rows(source, report, known, word_counts)
    if path is None:
        deque(rows, maxlen=0)
    else:
        write_rows(path, schemas.CORPUS, rows)
    if not known:
        raise SourceError("the corpus is empty: there is no document to choose negatives from")
    report.documents = len(known)
    report.words = {
        "min": float(min(word_counts)),
        **{f"p{p}": round(float(np.percentile(word_counts, p)), 1) for p in (10, 50, 90, 99)},
        "max": float(max(word_counts)),
    }
    return report, set(known)


def _unique_rows(
    source: Source,
    report: CorpusReport,
    known: dict[str, tuple[bytes, str]],
    word_counts: list[int],
) -> Iterator[dict[str, Any]]:
    """Yield each document once as a row, and fill in the report, `known` and `word_counts`."""
    texts: set[bytes] = set()
    for document in source.documents():
        content = hash_of_joined((document.title, "\0", document.text))
        if document.id in known:
            before, where = known[document.id]
            if before != content:
                raise SourceError(
                    f"document id {document.id!r} is given twice with different texts: "
                    f"{where} and {document.where}; ids must be unique"
                )
            report.repeated_rows += 1
            continue
        known[document.id] = content, document.where
        whole = f"{document.title} {document.text}"
        word_counts.append(sum(len(part.split()) for part in parts_of_text(whole)))
        if not has_text(whole):
            report.empty += 1
            add_example(report.empty_ids, document.id)
        text = hash_of_normalised(whole)
        report.duplicate_texts += text in texts
        texts.add(text)
        del whole
        row = {"id": document.id, "title": document.title, "text": document.text}
        if len(report.sample) < SAMPLE:
            report.sample.append(row)
        yield row
