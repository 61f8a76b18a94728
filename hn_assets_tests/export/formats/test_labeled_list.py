"""Labelled lists: a row per positive, with all its negatives in a list."""

import pandas as pd
import pyarrow.parquet as pq

from hn_assets_tests.export.export_inputs import Inputs


def test_a_row_is_a_positive_with_its_negatives(inputs: Inputs) -> None:
    inputs.export(include_title=False)
    lists = pq.read_table(inputs.folder / "out" / "labeled-list.parquet").to_pylist()
    assert lists == [
        {"anchor": f"query {query}", "passages": passages, "labels": labels}
        for query, passages, labels in (
            ("p", ["line\u2028separator", "text 4", "text 5"], [1, 0, 0]),
            ("p", ["text 0", "text 4", "text 5"], [1, 0, 0]),
            ("p", ["text 1", "text 4", "text 5"], [1, 0, 0]),
            ("q", ["text 2", "text 6"], [1, 0]),
        )
    ]


def test_scores_stand_in_place_of_labels(inputs: Inputs) -> None:
    inputs.add_teacher()
    inputs.export(include_title=False)
    out = inputs.folder / "out"
    lists = pd.read_parquet(out / "labeled-list.parquet")
    assert list(lists) == ["anchor", "passages", "scores"]
    assert [list(row) for row in lists.scores][-1] == [4.0, 0.5]
