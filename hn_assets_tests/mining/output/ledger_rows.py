"""Ledgers with rows that a test names."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.mining.output.explain import describe
from hn_assets.mining.output.ledger import to_ledger
from hn_assets.mining.rules.reasons import CHOSEN, NOT_DRAWN
from hn_assets.settings.filters import FiltersSettings
from hn_assets.store import schemas
from hn_assets_tests.mining.ranked_dataset import RankedDataset

Row = dict[str, Any]

OTHERS = NOT_DRAWN.label


def row(query: str, document: str, outcome: str = OTHERS, **numbers: float | None) -> Row:
    """A row of the ledger."""
    return {
        "query_id": query,
        "doc_id": document,
        "source": "dense",
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


def ledger_of(
    dataset: RankedDataset, filters: FiltersSettings | None = None, **options: Any
) -> list[Row]:
    """What mining writes of a dataset to the ledger."""
    miner = dataset.miner(filters, **{"range_min": 0, "range_max": 9, **options})
    results = list(miner.mine(dataset.block()))
    return [line for part in results for line in to_ledger(part, dataset.indexed).to_pylist()]


def assert_sentences(rows: Sequence[Row], outcomes: Iterable[str]) -> None:
    """Rows of q0 have these outcomes at least, and every row is told as a whole sentence."""
    assert set(outcomes) <= {line["outcome"] for line in rows}
    for line in rows:
        said = describe(line)
        verb = "is a" if line["outcome"] == CHOSEN else "is no"
        assert said.startswith(f"Document {line['doc_id']!r} {verb} negative of query 'q0'")
        assert said.split("\n")[0].endswith(".")
        assert not any(missing in said for missing in ("nan", "None", "{"))
