"""The sensor watches whatever a retriever reads beside the dataset."""

import os
from pathlib import Path
from typing import Any

import pytest

from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.watched_inputs import state_of_inputs
from hn_assets.settings.dataset import DatasetSettings
from hn_assets_tests.collections_on_disk import animals


def states(folder: Path, retrievers: list[dict[str, Any]]) -> dict[str, str]:
    settings = {"source": {"type": "beir", "folder": "raw"}, "retrievers": retrievers}
    return state_of_inputs(Dataset("animals", DatasetSettings.model_validate(settings), folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    animals(tmp_path / "raw")
    return tmp_path


def test_a_run_or_vectors_that_are_written_anew_are_a_change(folder: Path) -> None:
    retrievers = [
        {"type": "dense"},
        {"type": "bm25"},
        {"type": "run", "name": "other", "path": "run.txt"},
        {"type": "vectors", "corpus": "a.npy", "corpus_ids": "a.txt", "queries": "b.arrow"},
    ]
    before = states(folder, retrievers)
    assert set(before) == {"source", "model", "retriever other", "retriever vectors"}
    changed = {"run.txt": "other", "a.npy": "vectors", "a.txt": "vectors", "b.arrow": "vectors"}
    for name, label in changed.items():
        (folder / name).write_text(name)
        now = states(folder, retrievers)
        assert {what for what in now if now[what] != before[what]} == {f"retriever {label}"}
        before = now


def test_the_weights_of_a_second_encoder_are_watched(folder: Path, model: Path) -> None:
    encoding = {"model": str(model), "pooling": "mean"}
    retrievers = [{"type": "dense"}, {"type": "dense", "name": "second", "encoding": encoding}]
    before = states(folder, retrievers)
    weights = model / "model.safetensors"
    os.utime(weights, ns=(0, weights.stat().st_mtime_ns + 1))
    now = states(folder, retrievers)
    assert {what for what in now if now[what] != before[what]} == {"retriever second"}
