"""Read the tables that training examples are made of."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hn_assets.errors import StoreError
from hn_assets.store import schemas

NEGATIVE_COLUMNS = [
    "query_id",
    "doc_id",
    "rank",
    "score",
    "teacher_score",
    "positive_ids",
    "positive_scores",
]
POSITIVES_ORDER = [("query_id", "ascending"), ("score", "descending"), ("doc_id", "ascending")]


class QueryText(NamedTuple):
    """Text of a query, and its own prompt if it has one."""

    text: str
    prompt: str | None


def read_negatives(path: Path) -> pa.Table:
    """The hard negatives by query id, rank and document id, with the columns that are exported."""
    return pq.read_table(path, columns=NEGATIVE_COLUMNS).sort_by(
        [("query_id", "ascending"), ("rank", "ascending"), ("doc_id", "ascending")]
    )


def read_positives(path: Path, split: str) -> pa.Table:
    """The relevant documents of a split by query id, grade from high to low and document id."""
    return pq.read_table(
        path,
        columns=["query_id", "doc_id", "score"],
        filters=(pc.field("split") == split) & (pc.field("score") > 0),
    ).sort_by(POSITIVES_ORDER)


def read_queries(path: Path, wanted: set[str]) -> dict[str, QueryText]:
    """Text and prompt of each wanted query, by id.

    Raises:
        StoreError: A wanted query is not in the file.
    """
    queries = {
        row["id"]: QueryText(row["text"], row["prompt"])
        for row in schemas.read_rows(path, ["id", "text", "prompt"], wanted)
    }
    missing = wanted - queries.keys()
    if missing:
        raise StoreError(
            f"hard_negatives names the query {min(missing)!r}, which queries no longer has; "
            f"materialize everything from queries on"
        )
    return queries


def add_teacher_scores(positives: pa.Table, path: Path) -> pa.Table:
    """Append the column `teacher_score` to the positives; the order of the rows stays.

    Args:
        positives: With the columns `query_id` and `doc_id`.
        path: The teacher's scores, with the columns of `schemas.TEACHER_SCORES`.

    Raises:
        StoreError: A positive has no score of the teacher.
    """
    # of negatives too: a judge may have made one of them a positive
    scores = pq.read_table(path)
    score_of = dict(zip(_keys(scores), scores["score"].to_pylist(), strict=True))
    keys = _keys(positives)
    for query_id, doc_id in keys:
        if (query_id, doc_id) not in score_of:
            raise StoreError(
                f"the positive {doc_id!r} of query {query_id!r} has no score of the teacher; "
                f"materialize everything from teacher_scores on"
            )
    column = pa.array([score_of[key] for key in keys], pa.float32())
    return positives.append_column("teacher_score", column)


def leave_out(positives: pa.Table, suspects: Path | None) -> pa.Table:
    """The positives without those that are too suspicious to be trained on; their order stays.

    Args:
        positives: With the columns `query_id` and `doc_id`.
        suspects: Parquet file with the columns of `schemas.SUSPECT_POSITIVES`, or None.
    """
    if suspects is None:
        return positives
    left_out = set(_keys(pq.read_table(suspects, filters=pc.field("is_left_out"))))
    return positives.filter(pa.array([key not in left_out for key in _keys(positives)], pa.bool_()))


def apply_judge(
    negatives: pa.Table, positives: pa.Table, verdicts: Path | None
) -> tuple[pa.Table, pa.Table, int, int]:
    """Take out the negatives that a judge calls relevant, and make them positives if so wanted.

    Args:
        negatives: From `read_negatives`.
        positives: From `read_positives`.
        verdicts: Parquet file with the columns of `schemas.JUDGE_VERDICTS`, or None.

    Returns:
        The negatives that are left, the positives with those that were relabelled, in the order of
        `read_positives`, and how many were relabelled and how many dropped.
    """
    if verdicts is None:
        return negatives, positives, 0, 0
    judged = pq.read_table(verdicts, filters=~pc.field("action").is_null())
    action_of = dict(zip(_keys(judged), judged["action"].to_pylist(), strict=True))
    actions = [action_of.get(key) for key in _keys(negatives)]
    relabelled = negatives.filter(pa.array([a == "relabel" for a in actions], pa.bool_()))
    added = relabelled.select(["query_id", "doc_id"]).append_column(
        positives.schema.field("score"), pa.array([1] * len(relabelled), pa.int32())
    )
    return (
        negatives.filter(pa.array([action is None for action in actions], pa.bool_())),
        pa.concat_tables([positives, added]).sort_by(POSITIVES_ORDER),
        len(relabelled),
        sum(action == "drop" for action in actions),
    )


def distinct(table: pa.Table, column: str) -> list[str]:
    """The values of a column, in the order in which they first appear."""
    return table[column].unique().to_pylist()


def distinct_in_all(column: str, *tables: pa.Table) -> pa.Array:
    """The values of a column of some tables, in order."""
    chunks = [chunk for table in tables for chunk in table[column].chunks]
    values = pa.chunked_array(chunks, pa.string()).unique()
    return values.take(pc.call_function("sort_indices", [values]))


def keep_rows(table: pa.Table, column: str, values: Iterable[str]) -> pa.Table:
    """The rows whose value in a column is one of `values`."""
    return table.filter(pc.field(column).isin(pa.array(values, pa.string())))


def query_starts(table: pa.Table) -> np.ndarray:
    """The first row of each query in a table sorted by query, and the number of rows at the end.

    Returns:
        int64, of length number of queries + 1.
    """
    counts = table["query_id"].value_counts().field("counts").to_numpy()
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def _keys(table: pa.Table) -> list[tuple[str, str]]:
    """Query and document id of each row."""
    return list(zip(table["query_id"].to_pylist(), table["doc_id"].to_pylist(), strict=True))
