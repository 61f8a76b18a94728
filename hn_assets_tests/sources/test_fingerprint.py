"""A changed source or model is noticed without reading it; nothing else is."""

import os
from pathlib import Path

import pytest

from hn_assets.encoding.model import identify_model
from hn_assets.errors import HubError, ModelError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.settings.source import BeirSource, HubSource, PythonStdlibSource
from hn_assets.sources import open_source
from hn_assets.sources.fingerprint import state_of_model, state_of_source
from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.small_models import make_tiny_bert


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/train.tsv"])
def test_a_written_file_changes_the_state(tmp_path: Path, name: str) -> None:
    source = open_source(BeirSource(type="beir", folder=str(animals(tmp_path))), tmp_path)
    before = state_of_source(source, [])
    assert state_of_source(source, []) == before
    path = tmp_path / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert state_of_source(source, []) != before


def test_a_new_split_a_lost_file_and_a_review_change_the_state(tmp_path: Path) -> None:
    source = open_source(BeirSource(type="beir", folder=str(animals(tmp_path))), tmp_path)
    review = tmp_path / "reviewed.csv"
    states = [state_of_source(source, [review])]
    review.write_text("query_id,doc_id,verdict\n")
    states.append(state_of_source(source, [review]))
    (tmp_path / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\n")
    states.append(state_of_source(source, [review]))
    (tmp_path / "corpus.jsonl").unlink()
    states.append(state_of_source(source, [review]))
    assert len(set(states)) == 4


def test_a_source_without_files_stays_as_it_is(tmp_path: Path) -> None:
    source = open_source(PythonStdlibSource(type="python_stdlib"), tmp_path)
    assert state_of_source(source, []) == state_of_source(source, [])


def test_a_hub_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    source = open_source(HubSource(type="hub", dataset="BeIR/scifact"), tmp_path)
    with pytest.raises(HubError, match="does not say which revision BeIR/scifact is at"):
        state_of_source(source, [])
    with pytest.raises(HubError, match="which revision BAAI/bge-base-en-v1.5 is at"):
        state_of_model("BAAI/bge-base-en-v1.5")


def test_a_hub_dataset_in_a_local_folder_changes_with_its_files(tmp_path: Path) -> None:
    for name in ("data", "data-qrels"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.jsonl").write_text("{}\n")
    source = open_source(HubSource(type="hub", dataset="data"), tmp_path)
    before = state_of_source(source, [])
    assert state_of_source(source, []) == before
    os.utime(tmp_path / "data-qrels" / "rows.jsonl", ns=(1, 1))
    assert state_of_source(source, []) != before


def test_a_checkpoint_saved_over_the_last_changes_the_state(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path / "model")
    before = state_of_model(str(folder))
    assert state_of_model(str(folder)) == before
    make_tiny_bert(folder, seed=1)
    assert state_of_model(str(folder)) != before
    assert state_of_model("bundled") == state_of_model("bundled")


def test_a_pattern_names_the_newest_checkpoint_that_is_whole(tmp_path: Path) -> None:
    pattern = str(tmp_path / "run" / "checkpoint-*")
    with pytest.raises(ModelError, match="no folder that .* names holds a model"):
        state_of_model(pattern)
    make_tiny_bert(tmp_path / "run" / "checkpoint-500")
    first = state_of_model(pattern)
    ninth = make_tiny_bert(tmp_path / "run" / "checkpoint-1000", seed=1)
    os.utime(tmp_path / "run" / "checkpoint-500" / "config.json")  # numbers count before times
    second = state_of_model(pattern)
    assert first != second
    # without weights, it is still being written
    (tmp_path / "run" / "checkpoint-1500").mkdir()
    (tmp_path / "run" / "checkpoint-1500" / "config.json").write_text("{}")
    assert state_of_model(pattern) == second
    found = identify_model(EncodingSettings(model=pattern, pooling="mean"))
    assert found.location == found.name == str(ninth)
