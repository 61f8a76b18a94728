"""Labelled pairs: a row per query and passage."""

import pandas as pd

from hn_assets_tests.export.export_inputs import Inputs


def test_a_row_is_a_pair_and_its_label(inputs: Inputs) -> None:
    inputs.export(include_title=False)
    pairs = pd.read_parquet(inputs.folder / "out" / "labeled-pair.parquet")
    assert list(pairs) == ["anchor", "passage", "label"]
    assert pairs.to_numpy().tolist() == [
        ["query p", "line\u2028separator", 1],
        ["query p", "text 0", 1],
        ["query p", "text 1", 1],
        ["query p", "text 4", 0],
        ["query p", "text 5", 0],
        ["query q", "text 2", 1],
        ["query q", "text 6", 0],
    ]


def test_scores_stand_in_place_of_labels(inputs: Inputs) -> None:
    inputs.add_teacher()
    inputs.export(include_title=False)
    out = inputs.folder / "out"
    pairs = pd.read_parquet(out / "labeled-pair.parquet")
    assert list(pairs) == ["anchor", "passage", "score"]
    assert pairs.score.tolist() == [9.0, 8.0, 7.0, -1.0, -2.0, 4.0, 0.5]
