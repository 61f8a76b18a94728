"""Read the rows of a table in memory, whichever library it belongs to.

A table is recognised by what it offers, so that a library is imported only by those who use it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from hn_assets.errors import SourceError

ROWS_PER_BATCH = 10_000


def table_columns(table: Any, name: str) -> list[str]:
    """The names of a table's columns; of a list of dicts, every key that a dict has.

    Args:
        table: A `pandas.DataFrame`, a `datasets.Dataset`, a table that exports Arrow, or a list
            of dicts.
        name: What error messages call the table.

    Raises:
        SourceError: The table is of another type.
    """
    # before anything else, because a datasets.DatasetDict has what a datasets.Dataset has
    if isinstance(table, Mapping):
        raise SourceError(
            f"{name}: this is a {type(table).__name__} with the keys {', '.join(map(str, table))}, "
            f"but one table is needed: pass the value of one key"
        )
    if _is_pandas(table):
        return [str(column) for column in table.columns]
    if _is_dataset(table):
        return list(table.column_names)
    if hasattr(table, "__arrow_c_stream__"):
        return list(pa.table(table).column_names)
    if not isinstance(table, Sequence) or isinstance(table, str):
        raise SourceError(
            f"{name}: a {type(table).__name__} is no table; pass a pandas.DataFrame, a "
            f"datasets.Dataset, a pyarrow.Table or a list of dicts"
        )
    columns: dict[str, None] = {}
    for number, row in enumerate(table):
        if not isinstance(row, Mapping):
            raise SourceError(
                f"{name}, row {number}: a {type(row).__name__}, but a dict with a value by column "
                f"is needed"
            )
        columns.update(dict.fromkeys(map(str, row)))
    return list(columns)


def read_rows(
    table: Any, name: str, columns: Sequence[str | None]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the values of some columns, row by row, each row after its place `name, row number`.

    Args:
        table: A table that `table_columns` accepts.
        name: What the place calls the table.
        columns: The names of the columns, or None for a column whose every value is None.

    Yields:
        The place, with the number of the row counted from 0, and one plain Python value for each
        of `columns`. A missing value, such as pandas' NaN, is None.
    """
    wanted = [column for column in columns if column is not None]
    for number, row in enumerate(_rows(table, wanted)):
        values = iter(row)
        yield (
            f"{name}, row {number}",
            tuple(None if column is None else _plain(next(values)) for column in columns),
        )


def _rows(table: Any, columns: list[str]) -> Iterator[Sequence[Any]]:
    if _is_pandas(table):
        series = [table[column] for column in columns]
        yield from zip(
            *(s.astype(object).where(s.notna(), None).tolist() for s in series), strict=True
        )
    elif _is_dataset(table):
        # not the Arrow table behind it, which knows nothing of a selection of rows
        for batch in table.with_format("arrow").iter(batch_size=ROWS_PER_BATCH):
            yield from _arrow_rows(batch, columns)
    elif hasattr(table, "__arrow_c_stream__"):
        for batch in pa.table(table).to_batches(max_chunksize=ROWS_PER_BATCH):
            yield from _arrow_rows(batch, columns)
    else:
        for row in table:
            yield [row.get(column) for column in columns]


def _arrow_rows(batch: Any, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(batch.column(column).to_pylist() for column in columns), strict=True)


def _is_pandas(table: Any) -> bool:
    return hasattr(table, "iloc") and hasattr(table, "columns")


def _is_dataset(table: Any) -> bool:
    return hasattr(table, "with_format") and hasattr(table, "column_names")


def _plain(value: Any) -> Any:
    """A value as Python has it: numbers of numpy as int or float, and NaN as None."""
    if isinstance(value, str):
        return value
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and value != value else value
