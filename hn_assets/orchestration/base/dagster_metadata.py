"""What a stage says of itself, as Dagster shows it."""

from typing import Any

import dagster as dg

from hn_assets.pipeline.metadata import Location, Markdown, Metadata, Table


def to_dagster(metadata: Metadata) -> dict[str, Any]:
    """The same metadata with Dagster's own values for tables, texts and paths."""
    return {key: _to_dagster(value) for key, value in metadata.items()}


def _to_dagster(value: Any) -> Any:
    if isinstance(value, Table):
        return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in value.rows])
    if isinstance(value, Markdown):
        return dg.MetadataValue.md(value.text)
    if isinstance(value, Location):
        return dg.MetadataValue.path(value.path)
    return value
