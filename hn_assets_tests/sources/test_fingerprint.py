"""A changed source is noticed without reading it; an unchanged one is not taken for changed."""

import os
from pathlib import Path

import pytest

from hn_assets.errors import HubError, SourceChangedError, SourceError
from hn_assets.sources.fingerprint import refuse_changes, state_of_source
from hn_assets.sources.kinds.beir import BeirSettings
from hn_assets.sources.kinds.hub import HubSettings
from hn_assets.sources.kinds.python_stdlib import PythonStdlibSettings
from hn_assets_tests.collections_on_disk import animals


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/train.tsv"])
def test_a_written_file_changes_the_state(tmp_path: Path, name: str) -> None:
    source = BeirSettings(type="beir", folder=str(animals(tmp_path))).open(tmp_path)
    before = state_of_source(source, [])
    assert state_of_source(source, []) == before
    path = tmp_path / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert state_of_source(source, []) != before


def test_a_new_split_a_lost_file_and_a_review_change_the_state(tmp_path: Path) -> None:
    source = BeirSettings(type="beir", folder=str(animals(tmp_path))).open(tmp_path)
    review = tmp_path / "reviewed.csv"
    states = [state_of_source(source, [review])]
    review.write_text("query_id,doc_id,verdict\n")
    states.append(state_of_source(source, [review]))
    (tmp_path / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\n")
    states.append(state_of_source(source, [review]))
    (tmp_path / "corpus.jsonl").unlink()
    states.append(state_of_source(source, [review]))
    assert len(set(states)) == 4


def test_a_change_while_the_source_is_read_is_refused(tmp_path: Path) -> None:
    source = BeirSettings(type="beir", folder=str(animals(tmp_path))).open(tmp_path)
    with refuse_changes(source, source.fingerprint()):
        list(source.documents())
    before = source.fingerprint()
    message = rf"changed while it was read .*{tmp_path}"
    with (
        pytest.raises(SourceChangedError, match=message),
        refuse_changes(source, before),
        (tmp_path / "queries.jsonl").open("a") as file,
    ):
        file.write("\n")


@pytest.mark.parametrize("changes", [True, False])
def test_an_error_of_a_source_that_changes_is_no_error_of_the_source(
    tmp_path: Path, changes: bool
) -> None:
    source = BeirSettings(type="beir", folder=str(animals(tmp_path))).open(tmp_path)
    before = source.fingerprint()
    expected = SourceChangedError if changes else SourceError
    with pytest.raises(expected), refuse_changes(source, before):
        if changes:
            (tmp_path / "corpus.jsonl").write_text('{"_id": "1", "text')
        list(source.documents())
        raise SourceError("half a line")


def test_a_source_without_files_stays_as_it_is(tmp_path: Path) -> None:
    source = PythonStdlibSettings(type="python_stdlib").open(tmp_path)
    assert state_of_source(source, []) == state_of_source(source, [])


def test_a_hub_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    source = HubSettings(type="hub", dataset="BeIR/scifact").open(tmp_path)
    with pytest.raises(HubError, match="does not say which revision BeIR/scifact is at"):
        state_of_source(source, [])


def test_a_hub_dataset_in_a_local_folder_changes_with_its_files(tmp_path: Path) -> None:
    for name in ("data", "data-qrels"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.jsonl").write_text("{}\n")
    source = HubSettings(type="hub", dataset="data").open(tmp_path)
    before = state_of_source(source, [])
    assert state_of_source(source, []) == before
    os.utime(tmp_path / "data-qrels" / "rows.jsonl", ns=(1, 1))
    assert state_of_source(source, []) != before
