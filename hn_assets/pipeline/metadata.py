"""What a stage says of itself to people: plain values that any user interface can show.

Numbers and texts stand as they are; the classes here say of the others how they are to be shown.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hn_assets.text import shorten

MAX_ROWS = 20
MAX_CHARACTERS = 240

Cell = str | int | float | bool | None
Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """A table of at most 20 rows, each with the same columns."""

    rows: list[dict[str, Cell]]


@dataclass(frozen=True)
class Markdown:
    """A text in Markdown."""

    text: str


@dataclass(frozen=True)
class Location:
    """A file or folder, or the URL of one."""

    path: str


KINDS: dict[str, type] = {"table": Table, "markdown": Markdown, "location": Location}


def picture(title: str, png: bytes) -> Markdown:
    """A picture as Markdown that holds it whole; `title` stands for it where none can be shown."""
    return Markdown(f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})")


def table(rows: Iterable[Mapping[str, Any]]) -> Table | str:
    """The first 20 rows as a table, long texts cut; a dash if there are none.

    >>> table([{"a": 1}, {"b": "x"}])
    Table(rows=[{'a': 1, 'b': None}, {'a': None, 'b': 'x'}])
    """
    shown = list(rows)[:MAX_ROWS]
    columns = list(dict.fromkeys(key for row in shown for key in row))
    records = [{key: _cell(row.get(key)) for key in columns} for row in shown]
    return Table(records) if records else "-"


def counts(values: Mapping[str, int], name: str) -> Table | str:
    """Counts by `name` as a table of two columns."""
    return table({name: key, "count": count} for key, count in values.items())


def distribution(values: np.ndarray, name: str) -> dict[str, float]:
    """Mean and quantiles of `values` as numbers that a user interface can chart over time.

    >>> distribution(np.array([1.0, 2.0, 3.0]), "score")["score_p50"]
    2.0
    """
    if not len(values):
        return {}
    figures = {"mean": np.mean(values), "min": np.min(values), "max": np.max(values)}
    for percent in (10, 50, 90):
        figures[f"p{percent}"] = np.percentile(values, percent)
    return {f"{name}_{key}": round(float(figure), 4) for key, figure in figures.items()}


def to_json(metadata: Metadata) -> dict[str, Any]:
    """Metadata as JSON can hold them; `from_json` is the inverse.

    >>> from_json(to_json({"n": 1, "where": Location("a")}))
    {'n': 1, 'where': Location(path='a')}
    """
    names = {kind: name for name, kind in KINDS.items()}
    return {
        key: {"shown_as": names[type(value)], **vars(value)}
        if type(value) in names
        else {"value": value}
        for key, value in metadata.items()
    }


def from_json(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that `to_json` made.

    Raises:
        ValueError: It has not made them.
    """
    found: dict[str, Any] = {}
    if not isinstance(kept, Mapping):
        raise ValueError("metadata are an object")
    for key, described in kept.items():
        try:
            fields = dict(described)
            kind = fields.pop("shown_as", None)
            found[key] = fields["value"] if kind is None else KINDS[kind](**fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"the metadata {key!r} are of no known kind") from error
    return found


def _cell(value: Any) -> Cell:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (int, float, bool)):
        return value
    return shorten(str(value), MAX_CHARACTERS)
