"""The columns of every table that one asset hands to the next.

Ids are strings everywhere. Ranks count from 0, as the mining range does: rank 0 is the best hit.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.store.parquet_batches import groups_with, parquet_batches

# Read from a file at once, and turned into Python's objects at once.
ROWS_PER_BATCH, ROWS_AT_ONCE = 4_096, 256
# Arrow does not keep the memory of a batch with so many bytes for others, which need far less.
RELEASED_FROM = 1 << 25
MAX_CHARACTERS_SHOWN = 100_000  # of a text: more than a person reads

TEXT_KEY = pa.binary(16)  # a hash of a text: equal texts, equal key

CORPUS = pa.schema([("id", pa.string()), ("title", pa.string()), ("text", pa.string())])

QUERIES = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("split", pa.string()),
        # FlagEmbedding's own instruction for this one query; null nearly always
        ("prompt", pa.string()),
    ]
)

# score > 0: relevant, graded; score <= 0: judged, and not relevant
QRELS = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        ("score", pa.int32()),
        ("split", pa.string()),
    ]
)

INDEX_IDS = pa.schema([("row", pa.int64()), ("doc_id", pa.string())])

CANDIDATES = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        ("rank", pa.int32()),
        ("score", pa.float32()),
    ]
)

# after the names of retrievers, in the columns of the candidates of several of them
_RANK, _SCORE = "_rank", "_score"


def joined_candidates(retrievers: Sequence[str]) -> pa.Schema:
    """The columns of the candidates of several retrievers.

    To those of `CANDIDATES`, in which the rank is the place in the joined order and the score that
    of the dataset's own encoder, come rank and score of each retriever, null if it did not find a
    document.
    """
    schema = CANDIDATES
    for name in retrievers:
        schema = schema.append(pa.field(name + _RANK, pa.int32()))
        schema = schema.append(pa.field(name + _SCORE, pa.float32()))
    return schema


def joined_ledger(retrievers: Sequence[str]) -> pa.Schema:
    """The columns of the ledger; with the names of retrievers, the rank of each after the others.

    Args:
        retrievers: The names; none if the encoder alone has ranked.
    """
    schema = LEDGER
    for name in retrievers:
        schema = schema.append(pa.field(name + _RANK, pa.int32()))
    return schema


def rank_columns(columns: Sequence[str]) -> dict[str, str]:
    """The column of candidates or of a ledger with the rank of each retriever, by its name.

    There is none if the encoder alone has ranked.

    >>> rank_columns(["query_id", "rank", "score", "bm25_rank", "bm25_score"])
    {'bm25': 'bm25_rank'}
    """
    return {name[: -len(_RANK)]: name for name in columns if name.endswith(_RANK)}


TEACHER_SCORES = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        # 1: a positive of the query
        ("label", pa.int8()),
        ("score", pa.float32()),
    ]
)

HARD_NEGATIVES = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        # which search found it, or `random` if it was drawn at random from the whole corpus
        ("source", pa.string()),
        # place among all candidates of the query, positives counted; null if it is none of them
        ("rank", pa.int32()),
        ("score", pa.float32()),
        # score minus that of the positives: their lowest, mean or highest, as the settings say
        ("margin", pa.float32()),
        # cosine to the nearest positive
        ("positive_similarity", pa.float32()),
        # of being relevant, by the calibrated model; null where there is none
        ("probability", pa.float32()),
        # the teacher's score; null where there is no teacher
        ("teacher_score", pa.float32()),
        # the query's positives this negative was judged against, and their scores
        ("positive_ids", pa.list_(pa.string())),
        ("positive_scores", pa.list_(pa.float32())),
    ]
)

_NAME = pa.dictionary(pa.int32(), pa.string())

LEDGER = pa.schema(
    [
        ("query_id", _NAME),
        ("doc_id", _NAME),
        # as in HARD_NEGATIVES
        ("source", pa.dictionary(pa.int8(), pa.string())),
        ("rank", pa.int32()),
        ("score", pa.float32()),
        # "chosen", or the first reason why not
        ("outcome", pa.dictionary(pa.int8(), pa.string())),
        # the number that the reason looked at, and what it was compared with
        ("value", pa.float32()),
        ("limit", pa.float32()),
        ("margin", pa.float32()),
        ("positive_similarity", pa.float32()),
        ("probability", pa.float32()),
        ("teacher_score", pa.float32()),
    ]
)

LIKELY_MISSING = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        ("rank", pa.int32()),
        ("score", pa.float32()),
        ("outcome", pa.string()),
        ("margin", pa.float32()),
        ("positive_similarity", pa.float32()),
        ("probability", pa.float32()),
        # what the rows are ordered by
        ("relevance_estimate", pa.float64()),
        ("query", pa.string()),
        ("passage", pa.string()),
        # a known one of the query, to compare with
        ("positive", pa.string()),
    ]
)

REVIEW_SAMPLE = pa.schema(
    [
        # the name of the sample, which its page and its CSV file bear
        ("sample", pa.string()),
        # the place in the order in which it is shown, from 1
        ("item", pa.int32()),
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        # "negative", or what measures the reviewer: "positive", "random"
        ("kind", pa.string()),
        # whether the same pair is shown further up
        ("is_repeat", pa.bool_()),
        # the positive that is shown beside it; null if none is
        ("positive_id", pa.string()),
        # of a negative: its stratum, how many negatives that holds, and the chance to be drawn
        ("stratum", pa.int8()),
        ("stratum_size", pa.int64()),
        ("inclusion_probability", pa.float64()),
    ]
)

JUDGE_VERDICTS = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        # why it was asked about: "sample" of a review, or as a chosen "negative"
        ("asked_as", pa.string()),
        # relevant, not relevant, unsure, refused, malformed
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("model", pa.string()),
        ("prompt", pa.string()),
        # what becomes of a negative in the training files: relabel, drop; null if nothing
        ("action", pa.string()),
    ]
)

SUSPECT_POSITIVES = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        # how little it looks like a positive, from 0 to 1; what the rows are ordered by
        ("suspicion", pa.float64()),
        # among all documents, null beyond those that were searched
        ("rank", pa.int32()),
        # the score, in units of the spread of the scores of the query's candidates
        ("standardised_score", pa.float32()),
        # the same of the cosine to the nearest other positive; null if the query has no other
        ("max_positive_similarity", pa.float32()),
        # null where there is no teacher
        ("teacher_score", pa.float32()),
        # whether it is left out of training
        ("is_left_out", pa.bool_()),
    ]
)


def embeddings_schema(dimension: int, component: pa.DataType | None = None) -> pa.Schema:
    """Ids with their vectors: `vector` is a fixed-size list of `dimension` components.

    `text_key` is of the text that was read. Components are float32, if not said otherwise.
    """
    return pa.schema(
        [
            ("id", pa.string()),
            ("text_key", TEXT_KEY),
            ("vector", pa.list_(component or pa.float32(), dimension)),
        ]
    )


def read_rows(
    path: Path, columns: Sequence[str], ids: Iterable[str] | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file; only some of them are in memory.

    Args:
        path: The file.
        columns: Which columns a row has.
        ids: Only rows whose column `id` has one of these; None for all rows. Groups of rows without
            one are not read.
    """
    with pq.ParquetFile(path) as file:
        everything = parquet_batches(file, ROWS_PER_BATCH, columns)
        for batch in everything if ids is None else _with_ids(file, columns, ids):
            for start in range(0, len(batch), ROWS_AT_ONCE):
                yield from batch.slice(start, ROWS_AT_ONCE).to_pylist()
            if batch.nbytes > RELEASED_FROM:
                del batch
                pa.default_memory_pool().release_unused()


def _with_ids(
    file: pq.ParquetFile, columns: Sequence[str], ids: Iterable[str]
) -> Iterator[pa.RecordBatch]:
    for group, is_wanted in groups_with(file, "id", ids):
        wanted, at = pa.array(is_wanted), 0
        for batch in parquet_batches(file, ROWS_PER_BATCH, columns, [group]):
            at, batch = at + len(batch), batch.filter(wanted.slice(at, len(batch)))
            yield batch


def read_texts(corpus: Path, ids: Collection[str]) -> dict[str, str]:
    """Title and text of a few documents for people to read, by id; the others are not kept.

    Of a text, `MAX_CHARACTERS_SHOWN` characters are kept.
    """
    return {
        row["id"]: " — ".join(
            part[:MAX_CHARACTERS_SHOWN] for part in (row["title"], row["text"]) if part
        )
        for row in read_rows(corpus, ["id", "title", "text"], ids)
    }


def read_query_texts(queries: Path, ids: Collection[str]) -> dict[str, str]:
    """Read the texts of queries, by id.

    Args:
        queries: Parquet file with the columns of `QUERIES`.
        ids: The ids of the queries; those that the file does not have are left out.
    """
    return {row["id"]: row["text"] for row in read_rows(queries, ["id", "text"], ids)}
