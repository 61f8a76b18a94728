"""The retriever `run`: what another system has ranked, from a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from hn_assets.errors import RetrieverError, SourceError
from hn_assets.hashing import sha256_of
from hn_assets.retrieval.ranking import queries_at_once
from hn_assets.retrievers.candidates_file import CandidatesFile
from hn_assets.retrievers.document_ids import DocumentIds, find_ids, read_ids
from hn_assets.retrievers.protocol import RetrieverInputs, RetrieverReport, RetrieverSettings
from hn_assets.retrievers.run_rows import RunRows, place_of, read_run


class RunSettings(RetrieverSettings):
    """What another system has ranked: a TREC run file, or a table of query, document and score.

    Documents are ranked by their scores; ranks in the file are not looked at. About 40 bytes of
    memory are taken for each row of the file.
    """

    type: Literal["run"]
    path: str = Field(
        min_length=1,
        description=(
            "a TREC run file (query, Q0, document, rank, score, tag), or a table (.parquet, "
            ".arrow, .csv, .tsv) with the columns query_id, doc_id and score; text files also with "
            ".gz or .zst behind it"
        ),
    )
    unknown_ids: Literal["error", "skip"] = Field(
        default="error",
        description=(
            "what becomes of rows whose query or document the dataset does not have; `skip`: they "
            "are counted and left out"
        ),
    )

    lexical: bool = Field(
        default=False,
        description=(
            "whether the other system ranks by words, as BM25 does: the model of relevance then "
            "looks at its ranks as at those of `bm25`"
        ),
    )

    @property
    def is_lexical(self) -> bool:
        """As the settings say: the file does not."""
        return self.lexical

    def external_files(self, base: Path) -> list[Path]:
        """The run."""
        return [base / Path(self.path).expanduser()]

    def identify(self, inputs: RetrieverInputs) -> Mapping[str, Any]:
        """The hash of the file."""
        return {"file": sha256_of(self._existing_file(inputs))}

    def retrieve(self, inputs: RetrieverInputs, target: Path, depth: int) -> RetrieverReport:
        """Read the run, and take for every query what has the highest scores."""
        path = self._existing_file(inputs)
        documents = DocumentIds(inputs.corpus)
        query_ids = read_ids(inputs.queries)
        with CandidatesFile(target, documents, depth) as file:
            try:
                found = self._read(path, query_ids, documents, inputs)
            except SourceError as error:
                raise RetrieverError(str(error)) from error
            size = queries_at_once(depth, 0, inputs.memory_mb)
            for first in range(0, len(query_ids), size):
                block = range(first, min(first + size, len(query_ids)))
                best = [found.best(query, path, documents, query_ids, depth) for query in block]
                file.write(query_ids.slice(first, len(block)), *zip(*best, strict=True))
            report = file.report("as the run has them", {"rows_read": found.read, **found.skipped})
        if report.queries_without_candidates:
            inputs.warn(
                f"{path} has no row for {report.queries_without_candidates:,} of "
                f"{report.queries:,} queries, so that {self.label} finds nothing for them"
            )
        return report

    def _existing_file(self, inputs: RetrieverInputs) -> Path:
        (path,) = self.external_files(inputs.base)
        if not path.is_file():
            raise RetrieverError(
                f"{path} is not there, which {self.label} is to read; write the run there, or set "
                f"`path` of the retriever to where it is"
            )
        return path

    def _read(
        self, path: Path, query_ids: pa.Array, documents: DocumentIds, inputs: RetrieverInputs
    ) -> "_Found":
        parts: list[tuple[NDArray[Any], ...]] = []
        unknown = _Unknown()
        read = 0
        for rows in read_run(path):
            read += len(rows.scores)
            queries = find_ids(rows.query_ids, query_ids)
            found = find_ids(rows.doc_ids, documents.ids)
            is_known = (queries >= 0) & (found >= 0)
            unknown.add(rows, queries, found)
            parts.append(
                (
                    queries[is_known].astype(np.int32),
                    found[is_known].astype(np.int32),
                    rows.scores[is_known],
                    rows.numbers[is_known],
                )
            )
            inputs.log(f"read {read:,} rows of {path.name}")
        if not read:
            raise RetrieverError(f"{path} has no rows; a run has one for each document found")
        if unknown.rows and (self.unknown_ids == "error" or unknown.rows == read):
            raise RetrieverError(unknown.describe(path, read))
        if unknown.rows:
            inputs.warn(
                f"{unknown.rows:,} of {read:,} rows of {path} name what the dataset does not have "
                f"({unknown.queries:,} a query, {unknown.documents:,} a document), and are left out"
            )
        skipped = {
            "rows_with_unknown_queries": unknown.queries,
            "rows_with_unknown_documents": unknown.documents,
        }
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        order = np.argsort(columns[0], kind="stable")  # mostly it is in order
        queries, found, scores, numbers = (column[order] for column in columns)
        starts = np.searchsorted(queries, np.arange(len(query_ids) + 1, dtype=queries.dtype))
        return _Found(starts, found, scores, numbers, read, skipped)


@dataclass
class _Unknown:
    """Rows whose query or document does not exist, with the first of them."""

    rows: int = 0
    queries: int = 0
    documents: int = 0
    first: tuple[int, str, str] | None = None

    def add(self, rows: RunRows, queries: NDArray[np.int64], documents: NDArray[np.int64]) -> None:
        is_unknown = (queries < 0) | (documents < 0)
        self.rows += int(is_unknown.sum())
        self.queries += int((queries < 0).sum())
        self.documents += int((documents < 0).sum())
        if self.first is None and is_unknown.any():
            row = int(np.argmax(is_unknown))
            kind, ids = (
                ("query", rows.query_ids) if queries[row] < 0 else ("document", rows.doc_ids)
            )
            self.first = int(rows.numbers[row]), kind, ids[row].as_py()

    def describe(self, path: Path, read: int) -> str:
        assert self.first is not None
        number, kind, name = self.first
        more = f", and so for {self.rows - 1:,} more of {read:,} rows" if self.rows > 1 else ""
        remedy = (
            "No row is of this dataset: name the run that was made for it"
            if self.rows == read
            else "Make the run for this dataset, or set `unknown_ids: skip` to leave such rows out"
        )
        return f"{place_of(path, number)}: there is no {kind} {name!r}{more}. {remedy}"


@dataclass
class _Found:
    """The rows of a run, by query.

    Attributes:
        starts: Where the rows of each query begin, and where those of the last one end.
        documents: Rows of the corpus.
        scores: Their scores.
        numbers: Where they stand in the file.
        read: How many rows the file has.
        skipped: How many of them were left out.
    """

    starts: NDArray[np.int64]
    documents: NDArray[np.int32]
    scores: NDArray[np.float32]
    numbers: NDArray[np.int64]
    read: int
    skipped: dict[str, int]

    def best(
        self, query: int, path: Path, documents: DocumentIds, query_ids: pa.Array, depth: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best documents of a query."""
        first, end = self.starts[query : query + 2]
        rows = self.documents[first:end].astype(np.int64)
        named, places = np.unique(rows, return_index=True)
        if len(named) < len(rows):
            again = np.setdiff1d(np.arange(len(rows)), places)[0]
            document = documents.ids[int(rows[again])].as_py()
            raise RetrieverError(
                f"{place_of(path, int(self.numbers[first + again]))}: the query "
                f"{query_ids[query].as_py()!r} has the document {document!r} twice; a run has each "
                f"document of a query once, so remove the rows that do not count"
            )
        return documents.best(rows, self.scores[first:end], depth)
