"""What changed between two refreshes: documents, queries, negatives and scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.ids import Ids
from hn_assets.mining.output.sources import are_joined, shares_by_retriever
from hn_assets.store.parquet_batches import parquet_batches
from hn_assets.store.schemas import TEXT_KEY

ROWS_AT_ONCE = 200_000

NEGATIVES = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        ("score", pa.float32()),
        # the mean score of the query's positives
        ("positive_score", pa.float32()),
    ]
)
# if several retrievers were joined; as in `schemas.HARD_NEGATIVES`
SOURCE = pa.field("source", pa.string())
DOCUMENTS = pa.schema([("id", pa.string()), ("text_key", TEXT_KEY)])


@dataclass(frozen=True)
class Snapshot:
    """What a refresh produced, as far as the next one is compared with it.

    Attributes:
        negatives: A row for each hard negative, with the columns of `NEGATIVES`, and with `SOURCE`
            if several retrievers were joined.
        documents: A row for each document, with the columns of `DOCUMENTS`.
    """

    negatives: pa.Table
    documents: pa.Table

    @classmethod
    def take(cls, hard_negatives: Path, corpus_embeddings: Path) -> Snapshot:
        """Read the snapshot of a refresh from the files of its stages.

        Args:
            hard_negatives: The Parquet file of the hard negatives.
            corpus_embeddings: The file of the documents' vectors, which holds a hash of each text.

        Raises:
            StoreError: The file of vectors is not one.
        """
        schema = NEGATIVES.append(SOURCE)
        columns = ["query_id", "doc_id", "score", "positive_scores", "source"]
        parts = [schema.empty_table()]
        with pq.ParquetFile(hard_negatives) as file:
            for batch in parquet_batches(file, ROWS_AT_ONCE, columns):
                found = pa.Table.from_batches([batch])
                found = found.append_column("positive_score", _mean_positives(batch))
                parts.append(found.select(schema.names).cast(schema))
        mined = pa.concat_tables(parts)
        if not are_joined(mined[SOURCE.name]):
            mined = mined.select(NEGATIVES.names)
        vectors = VectorTable(corpus_embeddings)
        documents = [vectors.ids.column.cast(pa.string()), vectors.text_keys()]
        return cls(mined, pa.table(documents, schema=DOCUMENTS))

    @classmethod
    def read(cls, negatives: Path, documents: Path) -> Snapshot:
        """Read the two Parquet files that `write` wrote."""
        return cls(pq.read_table(negatives), pq.read_table(documents))

    def write(self, negatives: Path, documents: Path) -> None:
        """Write the snapshot to two Parquet files, for the next refresh."""
        pq.write_table(self.negatives, negatives, compression="zstd")
        pq.write_table(self.documents, documents, compression="zstd")


def _mean_positives(batch: pa.RecordBatch) -> pa.Array:
    """The mean score of the positives of each negative's query, whose negatives stand together."""
    runs = pc.call_function("run_end_encode", [batch["query_id"]]).run_ends.to_numpy()
    lists = batch["positive_scores"]
    scores = lists.flatten().to_numpy(zero_copy_only=False)
    ends = np.cumsum(lists.value_lengths().to_numpy())
    # the first negative of a query speaks for all of them
    firsts = np.concatenate([np.zeros(1, np.int64), runs[:-1]])
    starts = np.concatenate([np.zeros(1, np.int64), ends])[firsts]
    means = [np.mean(scores[start:end]) for start, end in zip(starts, ends[firsts], strict=True)]
    lengths = np.diff(runs, prepend=0)
    return pa.array(np.repeat(np.array(means, np.float32), lengths))


@dataclass(frozen=True)
class _Numbered:
    """Negatives as numbers; arrays have one entry for each.

    Attributes:
        query: Which query it is of; int64.
        document: Which document it is; int64.
        score: Its score; float32.
        positive_score: The mean score of its query's positives; float32.
        numbers: What query and document are counted by.
    """

    query: NDArray[np.int64]
    document: NDArray[np.int64]
    score: NDArray[np.float32]
    positive_score: NDArray[np.float32]
    numbers: _Numbers

    def counts(self) -> NDArray[np.int64]:
        """How many negatives each query has."""
        return np.bincount(self.query, minlength=len(self.numbers.queries))

    def keys(self) -> NDArray[np.int64]:
        """A number for each pair of query and document."""
        return self.query * self.numbers.width + self.document

    def of_queries(self, which: NDArray[np.bool_]) -> _Numbered:
        """The negatives of some queries."""
        of_them = which[self.query]
        return _Numbered(
            self.query[of_them],
            self.document[of_them],
            self.score[of_them],
            self.positive_score[of_them],
            self.numbers,
        )

    def positive_scores(self) -> NDArray[np.float32]:
        """The mean score of each query's positives, once for each query."""
        return self.positive_score[np.unique(self.query, return_index=True)[1]]


class _Numbers:
    """Numbers for the queries and the documents of several tables of negatives.

    Attributes:
        queries: The ids of all queries.
        width: The number of all documents.
    """

    def __init__(self, *tables: pa.Table) -> None:
        self.queries, self._documents = (
            Ids(pa.chunked_array([c for t in tables for c in t[name].chunks], pa.string()).unique())
            for name in ("query_id", "doc_id")
        )
        self.width = max(len(self._documents), 1)

    def of(self, negatives: pa.Table) -> _Numbered:
        """The negatives of one table as numbers."""
        return _Numbered(
            self.queries.rows_of(negatives["query_id"]),
            self._documents.rows_of(negatives["doc_id"]),
            negatives["score"].to_numpy(),
            negatives["positive_score"].to_numpy(),
            self,
        )


@dataclass(frozen=True)
class Drift:
    """What changed from one refresh to the next.

    Attributes:
        documents_added: How many document ids are new.
        documents_removed: How many document ids no longer exist.
        documents_changed: How many document ids have another text.
        queries_gained: How many queries have negatives now and had none before.
        queries_lost: How many queries had negatives before and have none now.
        queries_kept: How many queries have negatives in both refreshes.
        overlap: The Jaccard similarity of a kept query's negatives before and now, averaged over
            the kept queries; 1 if no query was kept.
        negative_shift: The mean score of the kept queries' negatives now, minus that before.
        positive_shift: The mean score of the kept queries' positives now, minus that before.
        retriever_shift: The share of the negatives that each of several retrievers found, alone or
            with others, minus that before.
    """

    documents_added: int
    documents_removed: int
    documents_changed: int
    queries_gained: int
    queries_lost: int
    queries_kept: int
    overlap: float
    negative_shift: float
    positive_shift: float
    retriever_shift: Mapping[str, float] = field(default_factory=dict)


def compare(before: Snapshot, now: Snapshot) -> Drift:
    """Find out what changed from one refresh to the next."""
    row_now = Ids(now.documents["id"]).rows_of(before.documents["id"])
    is_there = row_now >= 0
    keys = (
        before.documents["text_key"].filter(pa.array(is_there)),
        now.documents["text_key"].take(pa.array(row_now[is_there])),
    )
    differ = pc.call_function("not_equal", [one.combine_chunks() for one in keys])
    numbers = _Numbers(before.negatives, now.negatives)
    then, today = numbers.of(before.negatives), numbers.of(now.negatives)
    counts = then.counts(), today.counts()
    kept = (counts[0] > 0) & (counts[1] > 0)
    then, today = then.of_queries(kept), today.of_queries(kept)
    shared = np.intersect1d(then.keys(), today.keys(), assume_unique=True) // numbers.width
    shared = np.bincount(shared, minlength=len(kept))[kept]
    sizes = (counts[0] + counts[1])[kept]
    return Drift(
        documents_added=len(now.documents) - int(is_there.sum()),
        documents_removed=int((~is_there).sum()),
        documents_changed=differ.true_count,
        queries_gained=int(((counts[1] > 0) & ~kept).sum()),
        queries_lost=int(((counts[0] > 0) & ~kept).sum()),
        queries_kept=int(kept.sum()),
        overlap=float((shared / (sizes - shared)).mean()) if kept.any() else 1.0,
        negative_shift=_shift(then.score, today.score),
        positive_shift=_shift(then.positive_scores(), today.positive_scores()),
        retriever_shift=_retriever_shift(before.negatives, now.negatives),
    )


def _retriever_shift(before: pa.Table, now: pa.Table) -> dict[str, float]:
    if not all(SOURCE.name in one.column_names for one in (before, now)):
        return {}
    was, found = (shares_by_retriever(one[SOURCE.name]) for one in (before, now))
    return {name: found.get(name, 0.0) - was.get(name, 0.0) for name in sorted({*was, *found})}


def write_drift(path: Path, drift: Drift | None) -> None:
    """Write what changed as JSON; None is written for the first refresh."""
    content = None if drift is None else asdict(drift)
    if content is not None and not content["retriever_shift"]:
        del content["retriever_shift"]
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_drift(path: Path) -> Drift | None:
    """Read what `write_drift` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return None if content is None else Drift(**content)


def describe_drift(drift: Drift | None) -> dict[str, Any]:
    """What changed, as metadata of the stage."""
    if drift is None:
        return {"compared_with": "nothing: this is the first good refresh"}
    return {
        "compared_with": "the last good refresh",
        **{
            name: round(value, 5) if isinstance(value, float) else value
            for name, value in asdict(drift).items()
            if name != "retriever_shift"
        },
        **{
            f"share_found_by_{name}_shift": round(shift, 5)
            for name, shift in drift.retriever_shift.items()
        },
    }


def _shift(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    means = [float(one.mean(dtype=np.float64)) for one in (before, now) if len(one)]
    return means[1] - means[0] if len(means) == 2 else 0.0
