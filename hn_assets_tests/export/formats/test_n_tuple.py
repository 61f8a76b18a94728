"""n-tuples: a row per positive, with all its negatives in columns."""

import pandas as pd
import pyarrow.parquet as pq

from hn_assets_tests.export.export_inputs import Inputs


def test_n_tuples_leave_out_and_count_queries_that_are_short(inputs: Inputs) -> None:
    report = inputs.export(include_title=False)
    table = pd.read_parquet(inputs.folder / "out" / "n-tuple.parquet")
    assert list(table) == ["anchor", "positive", "negative_1", "negative_2"]
    assert table.to_numpy().tolist() == [
        ["query p", "line\u2028separator", "text 4", "text 5"],
        ["query p", "text 0", "text 4", "text 5"],
        ["query p", "text 1", "text 4", "text 5"],
    ]
    assert (report.queries_left_out, report.queries_exported) == ({"n-tuple": 1}, 2)


def test_n_tuples_are_as_wide_as_asked_for(inputs: Inputs) -> None:
    report = inputs.export("narrow", ["n-tuple"], num_negatives=1)
    assert report.files["n-tuple.parquet"]["rows"] == 4
    assert report.queries_left_out == {}
    report = inputs.export("wide", ["n-tuple"], num_negatives=3)
    assert report.files["n-tuple.parquet"]["rows"] == 0
    assert report.queries_left_out == {"n-tuple": 2}
    names = pq.read_schema(inputs.folder / "wide" / "n-tuple.parquet").names
    assert names == ["anchor", "positive", "negative_1", "negative_2", "negative_3"]


def test_scores_stand_beside_the_texts(inputs: Inputs) -> None:
    inputs.add_teacher()
    inputs.export(include_title=False)
    out = inputs.folder / "out"
    tuples = pd.read_parquet(out / "n-tuple.parquet")
    assert list(tuples.scores[0]) == [9.0, -1.0, -2.0]
