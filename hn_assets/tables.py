"""The columns of every table that one asset hands to the next.

Ids are strings everywhere. Ranks count from 0, as the mining range does: rank 0 is the best hit.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

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

HARD_NEGATIVES = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        # place among all candidates of the query, positives counted
        ("rank", pa.int32()),
        ("score", pa.float32()),
        # the query's positives this negative was judged against, and their scores
        ("positive_ids", pa.list_(pa.string())),
        ("positive_scores", pa.list_(pa.float32())),
    ]
)


def embeddings_schema(dimension: int) -> pa.Schema:
    """Ids with their vectors: `vector` is a fixed-size list of `dimension` float32.

    `text_key` is a hash of the text that was read: equal texts have an equal key.
    """
    return pa.schema(
        [
            ("id", pa.string()),
            ("text_key", pa.binary(16)),
            ("vector", pa.list_(pa.float32(), dimension)),
        ]
    )


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file with the columns named; only a batch of them is in memory."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=list(columns)):
            yield from batch.to_pylist()


def read_query_blocks(path: Path, rows: int = 500_000) -> Iterator[pd.DataFrame]:
    """The rows of a Parquet file, about `rows` at a time, no query cut in two.

    The rows of a query must stand together, as in `candidates`.
    """
    left = pd.DataFrame()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows):
            block = pd.concat([left, batch.to_pandas()], ignore_index=True)
            left = block[block.query_id == block.query_id.iloc[-1]]
            if len(left) < len(block):
                yield block.iloc[: -len(left)]
    if len(left):
        yield left.reset_index(drop=True)
