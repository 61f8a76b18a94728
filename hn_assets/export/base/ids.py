"""The side table of the training files: which passages they hold, by id."""

from pathlib import Path

import pyarrow as pa

from hn_assets.export.base.examples import Examples
from hn_assets.export.base.row_files import write_parquet

IDS = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        # 1 for a positive, 0 for a negative
        ("label", pa.int8()),
        ("score", pa.float32()),
        # null for a positive, and for a negative that was drawn at random and is no candidate
        ("rank", pa.int32()),
        # null for a negative
        ("grade", pa.int32()),
        # null if there is no teacher
        ("teacher_score", pa.float32()),
    ]
)


def write_ids(path: Path, examples: Examples) -> int:
    """Write ids, scores, ranks and grades of every passage in the examples.

    Returns:
        The number of passages.
    """
    rows = (
        {
            "query_id": example.query_id,
            "doc_id": passage.id,
            "label": label,
            "score": passage.score,
            "rank": passage.rank,
            "grade": passage.grade,
            "teacher_score": passage.teacher_score,
        }
        for example in examples
        for label, passages in ((1, example.positives), (0, example.negatives))
        for passage in passages
    )
    return write_parquet(path, IDS, rows)
