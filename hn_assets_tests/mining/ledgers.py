"""Ledgers with the lines that a test names."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets import tables
from hn_assets.mining.reasons import NAMES, Reason

Row = dict[str, Any]

OTHERS = NAMES[Reason.NOT_DRAWN]


def row(query: str, document: str, outcome: str = OTHERS, **numbers: float | None) -> Row:
    """A line of the ledger."""
    return {
        "query_id": query,
        "doc_id": document,
        "rank": 3,
        "score": 0.5,
        "outcome": outcome,
        "value": None,
        "limit": None,
        "margin": -0.25,
        "closeness": 0.75,
        "probability": None,
        "teacher": None,
        **numbers,
    }


def write_ledger(path: Path, rows: list[Row], at_once: int = 1000) -> Path:
    table = pa.Table.from_pylist(rows, schema=tables.LEDGER)
    pq.write_table(table, path, row_group_size=at_once)
    return path
