"""What is in the training files, and what is counted instead."""

import json
from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError

from hn_assets.errors import StoreError
from hn_assets.export.settings import ExportSettings
from hn_assets_tests.export.inputs import Inputs


def read_jsonl(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def test_flagembedding_lines(inputs: Inputs) -> None:
    report = inputs.export()
    assert read_jsonl(inputs.folder / "out" / "flagembedding.jsonl") == [
        {
            "query": "query p",
            "pos": ["line\u2028separator", "Title 0 text 0", "Title 1 text 1"],
            "neg": ["Title 4 text 4", "Title 5 text 5"],
        },
        {"query": "query q", "pos": ["Title 2 text 2"], "neg": ["Title 6 text 6"]},
    ]
    assert (report.queries_exported, report.positives, report.negatives) == (2, 4, 3)
    assert report.queries_without_negatives == 1, "r"
    assert report.queries_without_positives == 1, "s"
    assert report.blank_positives == 2
    assert "query p" in report.example


def test_a_negative_judged_not_relevant_is_no_positive(inputs: Inputs) -> None:
    inputs.export(with_title=False)
    texts = [
        p for row in read_jsonl(inputs.folder / "out" / "flagembedding.jsonl") for p in row["pos"]
    ]
    assert texts == ["line\u2028separator", "text 0", "text 1", "text 2"]


def test_sentence_transformers_shapes(inputs: Inputs) -> None:
    report = inputs.export()
    out = inputs.folder / "out"
    triplet = pd.read_parquet(out / "triplet.parquet")
    assert list(triplet) == ["anchor", "positive", "negative"]
    assert len(triplet) == 3 * 2 + 1
    n_tuple = pd.read_parquet(out / "n-tuple.parquet")
    assert list(n_tuple) == ["anchor", "positive", "negative_1", "negative_2"]
    assert set(n_tuple.anchor) == {"query p"}, "q has one negative of two"
    assert report.queries_short_of_n_tuples == 1
    pairs = pd.read_parquet(out / "labeled-pair.parquet")
    assert list(pairs) == ["anchor", "passage", "label"]
    assert pairs.groupby("anchor").label.agg(list).to_dict() == {
        "query p": [1, 1, 1, 0, 0],
        "query q": [1, 0],
    }
    lists = pd.read_parquet(out / "labeled-list.parquet")
    assert [list(labels) for labels in lists.labels] == [[1, 1, 1, 0, 0], [1, 0]]
    assert [len(passages) for passages in lists.passages] == [5, 2]


def test_ids_and_scores_stand_in_a_table_of_their_own(inputs: Inputs) -> None:
    inputs.export()
    ids = pd.read_parquet(inputs.folder / "out" / "ids.parquet")
    assert ids[ids.query_id == "p"][["doc_id", "label", "score"]].values.tolist() == [
        ["odd", 1, 1.0],
        ["d0", 1, 0.5],
        ["d1", 1, 0.75],
        ["d4", 0, 0.625],
        ["d5", 0, 0.5],
    ]
    assert ids[ids.label == 0]["rank"].tolist() == [10, 12, 11]
    assert ids[ids.label == 1].grade.tolist() == [3, 1, 1, 1]


def test_the_order_of_the_inputs_changes_no_byte(inputs: Inputs) -> None:
    inputs.export("first")
    for rows in (inputs.corpus, inputs.queries, inputs.qrels, inputs.negatives):
        rows.reverse()
    inputs.export("second")
    for path in (inputs.folder / "first").iterdir():
        assert path.read_bytes() == (inputs.folder / "second" / path.name).read_bytes(), path.name


def test_documents_that_left_the_corpus_are_an_error(inputs: Inputs) -> None:
    inputs.corpus = [row for row in inputs.corpus if row[0] != "d5"]
    with pytest.raises(StoreError, match="document 'd5'.*materialize everything from corpus on"):
        inputs.export()


def test_queries_that_are_gone_are_an_error(inputs: Inputs) -> None:
    inputs.queries = [row for row in inputs.queries if row[0] != "q"]
    with pytest.raises(StoreError, match="the query 'q', which queries no longer has"):
        inputs.export()


@pytest.mark.parametrize("formats", [[], ["triplet", "triplet"], ["csv"]])
def test_formats_that_make_no_sense_are_refused(formats: list[str]) -> None:
    with pytest.raises(ValidationError, match="formats"):
        ExportSettings.model_validate({"formats": formats})
