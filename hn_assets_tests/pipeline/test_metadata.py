"""What a stage says of itself survives being kept as JSON."""

import json
from typing import Any

import numpy as np

from hn_assets.orchestration.base.dagster_metadata import to_dagster
from hn_assets.pipeline.metadata import (
    MAX_CHARACTERS,
    MAX_ROWS,
    Location,
    Markdown,
    Table,
    counts,
    from_json,
    table,
    to_json,
)

METADATA: dict[str, Any] = {
    "count": 3,
    "share": 0.25,
    "text": "three",
    "nothing": None,
    "is_whole": True,
    "settings": {"depth": [1, 2], "sampling": {"method": "top"}},
    "rows": Table([{"id": "d1", "score": 0.5, "label": None}]),
    "example": Markdown("**bold**"),
    "path": Location("s3://bucket/folder"),
}


def test_metadata_come_back_as_they_were() -> None:
    again = from_json(json.loads(json.dumps(to_json(METADATA))))
    assert again == METADATA
    assert {key: type(value) for key, value in again.items()} == {
        key: type(value) for key, value in METADATA.items()
    }


def test_values_that_look_like_the_kept_form_are_not_taken_for_it() -> None:
    metadata = {"settings": {"shown_as": "table", "rows": []}}
    assert from_json(to_json(metadata)) == metadata


def test_dagster_shows_tables_texts_and_paths_as_its_own() -> None:
    shown = to_dagster(METADATA)
    assert shown["count"] == 3
    assert shown["rows"].records[0].data == {"id": "d1", "score": 0.5, "label": None}
    assert shown["example"].md_str == "**bold**"
    assert shown["path"].path == "s3://bucket/folder"


def test_a_table_is_cut_to_what_people_read() -> None:
    found = table({"number": np.int64(i), "text": "x" * 1000} for i in range(100))
    assert isinstance(found, Table)
    assert len(found.rows) == MAX_ROWS
    assert type(found.rows[0]["number"]) is int
    assert len(str(found.rows[0]["text"])) <= MAX_CHARACTERS + len(" …")
    assert table([]) == counts({}, "reason") == "-"
