"""How figures, tables and samples are shown in Dagster's metadata: short, and small on disk."""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
import numpy as np

from hn_assets.text import shorten

MOST_ROWS = 20
MOST_CHARACTERS = 240


def table(rows: Iterable[Mapping[str, Any]]) -> dg.MetadataValue | str:
    """At most 20 rows as a table; a dash where there are none."""
    shown = list(rows)[:MOST_ROWS]
    # every row of Dagster's tables needs the same columns
    columns = list(dict.fromkeys(key for row in shown for key in row))
    records = [dg.TableRecord({key: _cell(row.get(key)) for key in columns}) for row in shown]
    return dg.MetadataValue.table(records) if records else "-"


def counts(values: Mapping[str, int], name: str) -> dg.MetadataValue | str:
    """Counts by `name` as a table of two columns."""
    return table({name: key, "count": count} for key, count in values.items())


def distribution(values: "np.ndarray", name: str) -> dict[str, float]:
    """Mean and quantiles of `values` as numbers that the UI charts over time.

    >>> distribution(np.array([1.0, 2.0, 3.0]), "score")["score_p50"]
    2.0
    """
    if not len(values):
        return {}
    figures = {"mean": np.mean(values), "min": np.min(values), "max": np.max(values)}
    for percent in (10, 50, 90):
        figures[f"p{percent}"] = np.percentile(values, percent)
    return {f"{name}_{key}": round(float(figure), 4) for key, figure in figures.items()}


def _cell(value: Any) -> str | int | float | bool | None:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (int, float, bool)):
        return value
    return shorten(str(value), MOST_CHARACTERS)
