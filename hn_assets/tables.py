"""The columns of every table that one asset hands to the next.

Ids are strings everywhere. Ranks count from 0, as the mining range does: rank 0 is the best hit.
"""

import pyarrow as pa

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
    """Ids with their vectors: `vector` is a fixed-size list of `dimension` float32."""
    return pa.schema([("id", pa.string()), ("vector", pa.list_(pa.float32(), dimension))])
