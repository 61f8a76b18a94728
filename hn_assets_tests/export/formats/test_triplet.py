"""Triplets: a row per positive and negative."""

import pandas as pd

from hn_assets_tests.export.export_inputs import Inputs


def test_triplets_pair_every_positive_with_every_negative(inputs: Inputs) -> None:
    inputs.export(include_title=False)
    table = pd.read_parquet(inputs.folder / "out" / "triplet.parquet")
    assert list(table) == ["anchor", "positive", "negative"]
    assert table.to_numpy().tolist() == [
        ["query p", "line\u2028separator", "text 4"],
        ["query p", "line\u2028separator", "text 5"],
        ["query p", "text 0", "text 4"],
        ["query p", "text 0", "text 5"],
        ["query p", "text 1", "text 4"],
        ["query p", "text 1", "text 5"],
        ["query q", "text 2", "text 6"],
    ]


def test_scores_stand_beside_the_texts(inputs: Inputs) -> None:
    inputs.add_teacher()
    inputs.export(include_title=False)
    out = inputs.folder / "out"
    triplets = pd.read_parquet(out / "triplet.parquet")
    assert [list(row) for row in triplets.scores][1:4] == [[9.0, -2.0], [8.0, -1.0], [8.0, -2.0]]
