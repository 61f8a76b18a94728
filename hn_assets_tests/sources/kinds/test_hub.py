"""Datasets of the Hugging Face hub, in the layout that a clone of them has."""

from pathlib import Path

import pytest

from hn_assets.errors import HubError
from hn_assets.sources.kinds.hub import HubSettings
from hn_assets_tests.collections_on_disk import write_beir


def hub_layout(folder: Path) -> Path:
    """What a BEIR-style dataset and its qrels dataset look like when cloned from the hub."""
    write_beir(folder / "toy", {"007": "seven"}, {"1": "which"}, {})
    (folder / "toy" / "README.md").write_text(
        "---\nconfigs:\n"
        "- config_name: corpus\n  data_files:\n  - split: corpus\n    path: corpus.jsonl\n"
        "- config_name: queries\n  data_files:\n  - split: queries\n    path: queries.jsonl\n---\n"
    )
    qrels = folder / "toy-qrels"
    qrels.mkdir()
    for split in ("train", "test"):
        (qrels / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n1\t007\t1\n")
    return folder


def test_a_dataset_of_the_hubs_layout_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    hub_layout(tmp_path)
    source = HubSettings(type="hub", dataset="toy").open(tmp_path)
    assert [(d.id, d.text) for d in source.documents()] == [("007", "seven")]
    assert [(q.id, q.text) for q in source.queries()] == [("1", "which")]
    pairs = sorted(q[:4] for q in source.qrels())
    assert pairs == [("1", "007", 1, "test"), ("1", "007", 1, "train")]


def test_hub_qrels_with_further_columns_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    hub_layout(tmp_path)
    for path in (tmp_path / "toy-qrels").iterdir():
        path.write_text("query-id\tcorpus-id\tscore\tjudge\n1\td7\t1\tme\n")
    source = HubSettings(type="hub", dataset="toy").open(tmp_path)
    assert {q[:3] for q in source.qrels()} == {("1", "d7", 1)}


def test_a_hub_that_cannot_be_reached_says_how_to_name_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    source = HubSettings(type="hub", dataset="BeIR/no-such-set").open(tmp_path)
    with pytest.raises(HubError, match=r"BeIR/no-such-set cannot be loaded.*source\.folder"):
        list(source.documents())


def test_a_folder_takes_the_place_of_the_hub(tmp_path: Path) -> None:
    write_beir(tmp_path / "data", {"d": "text"}, {"q": "query"}, {"train": [("q", "d", 1)]})
    source = HubSettings(type="hub", dataset="BeIR/x", folder="data").open(tmp_path)
    assert [d.id for d in source.documents()] == ["d"]
    assert source.describe()["type"] == "beir"
