"""Read the rows of a table in memory, whichever library it belongs to.

A table is recognised by what it offers, so that a library is imported only by those who use it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from hn_assets.errors import SourceError

ROWS_PER_BATCH = 10_000


class TableRows:
    """The rows of a table, which can be read more than once.

    Args:
        table: A `pandas.DataFrame`, a `datasets.Dataset`, a table that exports Arrow (such as a
            `pyarrow.Table` or a polars DataFrame), or a list of dicts.
        name: What error messages call the table.

    Attributes:
        columns: The names of the columns; of a list of dicts, every key that a dict has.

    Raises:
        SourceError: The table is of another type.
    """

    def __init__(self, table: Any, name: str) -> None:
        self.name = name
        self._table = table
        # before anything else, because a datasets.DatasetDict has what a datasets.Dataset has
        if isinstance(table, Mapping):
            raise SourceError(
                f"{name}: this is a {type(table).__name__} with the keys "
                f"{', '.join(map(str, table))}, but one table is needed: pass the value of one "
                f"key, or a list of dicts"
            )
        if _is_pandas(table):
            self.columns = [str(column) for column in table.columns]
        elif _is_dataset(table):
            self.columns = list(table.column_names)
        elif hasattr(table, "__arrow_c_stream__"):
            self._table = pa.table(table)  # some tables can be exported only once
            self.columns = list(self._table.column_names)
        elif isinstance(table, Sequence) and not isinstance(table, str):
            self.columns = _keys(table, name)
        else:
            raise SourceError(
                f"{name}: a {type(table).__name__} is no table; pass a pandas.DataFrame, a "
                f"datasets.Dataset, a pyarrow.Table or a list of dicts"
            )

    def optional_column(self, name: str) -> str | None:
        """The name of a column, or None if the table has no such column."""
        return name if name in self.columns else None

    def required_column(self, *names: str) -> str:
        """The first of several names that is the name of a column.

        Raises:
            SourceError: None of them is.
        """
        for name in names:
            if name in self.columns:
                return name
        raise SourceError(
            f"{self.name}: there is no column {' or '.join(names)}; the columns are "
            f"{', '.join(self.columns)}"
        )

    def read(self, columns: Sequence[str | None]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Yield the values of some columns, row by row.

        Args:
            columns: The names of the columns, or None for a column whose every value is None.

        Yields:
            The place of the row, `name, row number` with numbers from 0, and one plain Python
            value for each of `columns`. A missing value, such as pandas' NaN, is None.
        """
        wanted = [column for column in columns if column is not None]
        for number, row in enumerate(self._rows(wanted)):
            values = iter(row)
            yield (
                f"{self.name}, row {number}",
                tuple(None if column is None else _plain(next(values)) for column in columns),
            )

    def _rows(self, columns: list[str]) -> Iterator[Sequence[Any]]:
        table = self._table
        if _is_pandas(table):
            series = [table[column] for column in columns]
            values = (s.astype(object).mask(s.isna(), None).tolist() for s in series)
            yield from zip(*values, strict=True)
        elif _is_dataset(table):
            # not the Arrow table behind it, which knows nothing of a selection of rows
            for batch in table.with_format("arrow").iter(batch_size=ROWS_PER_BATCH):
                yield from _arrow_rows(batch, columns)
        elif isinstance(table, pa.Table):
            for batch in table.to_batches(max_chunksize=ROWS_PER_BATCH):
                yield from _arrow_rows(batch, columns)
        else:
            for row in table:
                yield [row.get(column) for column in columns]


def _keys(table: Sequence[Any], name: str) -> list[str]:
    keys: dict[str, None] = {}
    for number, row in enumerate(table):
        if not isinstance(row, Mapping):
            raise SourceError(
                f"{name}, row {number}: a {type(row).__name__}, but a dict with a value by column "
                f"is needed"
            )
        keys.update(dict.fromkeys(map(str, row)))
    return list(keys)


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
