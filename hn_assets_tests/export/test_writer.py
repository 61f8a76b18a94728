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


@pytest.mark.parametrize(
    ("pair", "named"),
    [(("p", "d0"), "positive 'd0' of query 'p'"), (("p", "d4"), "some negatives have no score")],
)
def test_a_passage_without_a_score_of_the_teacher_is_refused(
    inputs: Inputs, pair: tuple[str, str], named: str
) -> None:
    inputs.add_teacher()
    del inputs.scores[pair]
    with pytest.raises(StoreError, match=f"{named}.*materialize everything from teacher_scores"):
        inputs.export()


def test_ids_hold_the_scores_of_the_teacher(inputs: Inputs) -> None:
    inputs.add_teacher()
    inputs.export()
    ids = pd.read_parquet(inputs.folder / "out" / "ids.parquet")
    assert ids.teacher_score.tolist() == [9.0, 8.0, 7.0, -1.0, -2.0, 4.0, 0.5]
