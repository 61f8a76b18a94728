"""Ledgers with rows that a test names."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.mining.rules.reasons import NOT_DRAWN
from hn_assets.store import schemas

Row = dict[str, Any]

OTHERS = NOT_DRAWN.label


def row(query: str, document: str, outcome: str = OTHERS, **numbers: float | None) -> Row:
    """A row of the ledger."""
    return {
        "query_id": query,
        "doc_id": document,
        "rank": 3,
        "score": 0.5,
        "outcome": outcome,
        "value": None,
        "limit": None,
        "margin": -0.25,
        "positive_similarity": 0.75,
        "probability": None,
        "teacher_score": None,
        **numbers,
    }


def write_ledger(path: Path, rows: list[Row], at_once: int = 1000) -> Path:
    table = pa.Table.from_pylist(rows, schema=schemas.LEDGER)
    pq.write_table(table, path, row_group_size=at_once)
    return path
