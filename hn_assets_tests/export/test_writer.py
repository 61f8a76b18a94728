"""What is in the training files, and what is counted instead."""

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from hn_assets.errors import SettingsError, StoreError
from hn_assets.export.base import examples as examples_module
from hn_assets.export.base import row_files
from hn_assets.settings.export import ExportSettings
from hn_assets_tests.export.export_inputs import Inputs, read_jsonl


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
    inputs.export(include_title=False)
    texts = [
        p for row in read_jsonl(inputs.folder / "out" / "flagembedding.jsonl") for p in row["pos"]
    ]
    assert texts == ["line\u2028separator", "text 0", "text 1", "text 2"]


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


def test_labeled_files(inputs: Inputs) -> None:
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


def test_a_prompt_on_one_line_puts_one_on_all(inputs: Inputs) -> None:
    path = inputs.folder / "out" / "flagembedding.jsonl"
    inputs.export(formats=["flagembedding"])
    assert not any("prompt" in row for row in read_jsonl(path))
    inputs.queries[1] = ("q", "query q", "train", "Prompt: ")
    inputs.export(formats=["flagembedding"])
    assert [row["prompt"] for row in read_jsonl(path)] == ["", "Prompt: "]


def test_prompts_of_queries_that_are_not_exported_do_not_count(inputs: Inputs) -> None:
    inputs.queries[2:] = [(q, f"query {q}", "train", "Prompt: ") for q in "rs"]
    inputs.export(formats=["flagembedding"])
    rows = read_jsonl(inputs.folder / "out" / "flagembedding.jsonl")
    assert not any("prompt" in row for row in rows)


def test_only_the_files_asked_for_and_the_ids_are_written(inputs: Inputs) -> None:
    report = inputs.export(formats=["triplet"])
    written = {path.name: path.stat().st_size for path in (inputs.folder / "out").iterdir()}
    assert written == {name: file["bytes"] for name, file in report.files.items()}
    assert sorted(written) == ["ids.parquet", "triplet.parquet"]
    assert report.queries_left_out == {}


def test_positives_of_another_split_are_no_positives(inputs: Inputs) -> None:
    inputs.qrels = [(*row[:3], "test") if row[0] == "q" else row for row in inputs.qrels]
    report = inputs.export()
    rows = read_jsonl(inputs.folder / "out" / "flagembedding.jsonl")
    assert [row["query"] for row in rows] == ["query p"]
    assert report.queries_without_positives == 2, "q and s"


def test_a_split_without_positives_gives_empty_files(inputs: Inputs) -> None:
    report = inputs.export(split="dev")
    assert report.queries_exported == 0
    assert report.example == ""
    assert {
        file["rows"] for name, file in report.files.items() if not name.endswith("metadata.json")
    } == {0}


def test_blocks_change_no_row(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs.export("whole")
    monkeypatch.setattr(examples_module, "QUERIES_PER_BLOCK", 1)
    monkeypatch.setattr(row_files, "ROWS_PER_GROUP", 3)
    monkeypatch.setattr(row_files, "CHARACTERS_PER_GROUP", 60)
    report = inputs.export("blocks")
    for name in report.files:
        paths = [inputs.folder / out / name for out in ("whole", "blocks")]
        if not name.endswith("parquet"):
            assert paths[0].read_bytes() == paths[1].read_bytes()
        else:
            assert pq.read_table(paths[0]).equals(pq.read_table(paths[1])), name
            assert pq.read_metadata(paths[1]).num_row_groups > 1, name


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
    for path in (inputs.folder / "first").rglob("*.*"):
        name = path.relative_to(inputs.folder / "first")
        assert path.read_bytes() == (inputs.folder / "second" / name).read_bytes(), name


def test_documents_that_left_the_corpus_are_an_error(inputs: Inputs) -> None:
    inputs.corpus = [row for row in inputs.corpus if row[0] != "d5"]
    with pytest.raises(StoreError, match="document 'd5'.*materialize everything from corpus on"):
        inputs.export()


def test_queries_that_are_gone_are_an_error(inputs: Inputs) -> None:
    inputs.queries = [row for row in inputs.queries if row[0] != "q"]
    with pytest.raises(StoreError, match="the query 'q', which queries no longer has"):
        inputs.export()


def test_a_format_that_needs_a_teacher_is_refused_without_one(inputs: Inputs) -> None:
    with pytest.raises(SettingsError, match="export format pylate needs the scores of a teacher"):
        inputs.export(formats=["triplet", "pylate"])
    assert not list((inputs.folder / "out").iterdir()), "nothing is written before the check"


@pytest.mark.parametrize("formats", [[], ["triplet", "triplet"], ["csv"]])
def test_formats_that_make_no_sense_are_refused(formats: list[str]) -> None:
    with pytest.raises(ValidationError, match="formats"):
        ExportSettings.model_validate({"formats": formats})


def test_the_teachers_scores_stand_beside_or_in_place_of_the_labels(inputs: Inputs) -> None:
    inputs.add_teacher()
    inputs.export(include_title=False)
    out = inputs.folder / "out"
    first, second = read_jsonl(out / "flagembedding.jsonl")
    assert (first["pos_scores"], first["neg_scores"]) == ([9.0, 8.0, 7.0], [-1.0, -2.0])
    assert (second["pos_scores"], second["neg_scores"]) == ([4.0], [0.5])
    triplets = pd.read_parquet(out / "triplet.parquet")
    assert [list(row) for row in triplets.scores][1:4] == [[9.0, -2.0], [8.0, -1.0], [8.0, -2.0]]
    tuples = pd.read_parquet(out / "n-tuple.parquet")
    assert list(tuples.scores[0]) == [9.0, -1.0, -2.0]
    pairs = pd.read_parquet(out / "labeled-pair.parquet")
    assert list(pairs) == ["anchor", "passage", "score"]
    assert pairs.score.tolist() == [9.0, 8.0, 7.0, -1.0, -2.0, 4.0, 0.5]
    lists = pd.read_parquet(out / "labeled-list.parquet")
    assert list(lists) == ["anchor", "passages", "scores"]
    assert [list(row) for row in lists.scores][-1] == [4.0, 0.5]
    ids = pd.read_parquet(out / "ids.parquet")
    assert ids.teacher_score.tolist() == pairs.score.tolist()


@pytest.mark.parametrize(
    ("pair", "named"),
    [(("p", "d0"), "positive d0 of query p"), (("p", "d4"), "some negatives have no score")],
)
def test_a_passage_without_a_score_of_the_teacher_is_refused(
    inputs: Inputs, pair: tuple[str, str], named: str
) -> None:
    inputs.add_teacher()
    del inputs.scores[pair]
    with pytest.raises(StoreError, match=f"{named}.*materialize everything from teacher_scores"):
        inputs.export()
