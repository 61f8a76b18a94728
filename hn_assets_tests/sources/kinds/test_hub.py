"""Datasets of the Hugging Face hub, in the layout that a clone of them has."""

import gzip
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from hn_assets.errors import HubError, SourceError
from hn_assets.sources.kinds.hub import HubSettings
from hn_assets.sources.protocol import Source
from hn_assets_tests.collections_on_disk import write_beir, write_jsonl
from hn_assets_tests.fake_hub import FakeHub, fake_hub


def hub_layout(folder: Path) -> Path:
    """What a BEIR-style dataset and its qrels dataset look like when cloned from the hub."""
    write_beir(folder / "toy", {"007": "seven"}, {"1": "which"}, {})
    (folder / "toy" / "README.md").write_text(
        "---\nconfigs:\n"
        "- config_name: corpus\n  data_files:\n  - split: corpus\n    path: corpus.jsonl\n"
        "- config_name: queries\n  data_files:\n  - split: queries\n    path: queries.jsonl\n---\n"
    )
    qrels = folder / "toy-qrels"
    qrels.mkdir(exist_ok=True)
    for split in ("train", "test"):
        (qrels / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n1\t007\t1\n")
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with the datasets me/toy and me/toy-qrels."""
    monkeypatch.setattr("hn_assets.hub.ANSWER_SECONDS", 0.5)
    monkeypatch.setattr("hn_assets.hub.STALL_SECONDS", 1.0)
    folder = hub_layout(tmp_path / "pushed")
    with fake_hub(tmp_path / "cache", monkeypatch) as running:
        for name in ("toy", "toy-qrels"):
            running.commit(f"me/{name}", folder / name)
        yield running


def read(source: Source) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple]]:
    """Ids and texts of documents and queries, and the qrels in order."""
    documents = [(document.id, document.text) for document in source.documents()]
    queries = [(query.id, query.text) for query in source.queries()]
    return documents, queries, sorted(qrel[:4] for qrel in source.qrels())


TOY = (
    [("007", "seven")],
    [("1", "which")],
    [("1", "007", 1, "test"), ("1", "007", 1, "train")],
)


def test_a_dataset_of_the_hubs_layout_is_read(tmp_path: Path) -> None:
    hub_layout(tmp_path)
    assert read(HubSettings(type="hub", dataset="toy").open(tmp_path)) == TOY


def test_a_dataset_of_the_hub_is_read(hub: FakeHub, tmp_path: Path) -> None:
    source = HubSettings(type="hub", dataset="me/toy").open(tmp_path)
    assert read(source) == TOY
    assert source.describe()["revision"] == f"default branch, commit {hub.heads['me/toy']}"
    assert source.fingerprint() == (
        f"me/toy@{hub.heads['me/toy']} me/toy-qrels@{hub.heads['me/toy-qrels']}"
    )
    asked = len(hub.asked)
    assert read(source) == TOY
    assert len(hub.asked) == asked, "everything is in the cache"


def test_all_files_are_of_the_commit_that_was_first_asked_for(hub: FakeHub, tmp_path: Path) -> None:
    source = HubSettings(type="hub", dataset="me/toy").open(tmp_path)
    documents = [(document.id, document.text) for document in source.documents()]
    write_jsonl(tmp_path / "pushed/toy/queries.jsonl", [{"_id": "1", "text": "another"}])
    first = hub.heads["me/toy"]
    hub.commit("me/toy", tmp_path / "pushed" / "toy")
    queries = [(query.id, query.text) for query in source.queries()]
    assert (documents, queries) == TOY[:2]
    again = HubSettings(type="hub", dataset="me/toy").open(tmp_path)
    assert [query.text for query in again.queries()] == ["another"]
    assert (
        again.state()
        != HubSettings(type="hub", dataset="me/toy", revision=first).open(tmp_path).state()
    )


def test_a_named_commit_is_read(hub: FakeHub, tmp_path: Path) -> None:
    first = hub.heads["me/toy"]
    hub.commit("me/toy", {"README.md": b"nothing is left\n"})
    source = HubSettings(type="hub", dataset="me/toy", revision=first).open(tmp_path)
    assert read(source) == TOY
    source = HubSettings(type="hub", dataset="me/toy").open(tmp_path)
    with pytest.raises(HubError, match=r"me/toy is not in the layout .* configuration 'corpus'"):
        list(source.documents())


def test_a_hub_that_hangs_is_said_soon(hub: FakeHub, tmp_path: Path) -> None:
    hub.hangs = "/api/"
    source = HubSettings(type="hub", dataset="me/toy").open(tmp_path)
    started = time.monotonic()
    with pytest.raises(HubError, match="does not say which revision me/toy is at"):
        source.state()
    with pytest.raises(HubError, match=r"which revision me/toy is at.*set source\.folder"):
        list(source.documents())
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("how", ["hangs", "stops", "lies"])
def test_a_hub_that_fails_while_files_are_read_is_said(
    hub: FakeHub, tmp_path: Path, how: str
) -> None:
    if how == "hangs":
        hub.hangs = "corpus.jsonl"
    elif how == "stops":
        hub.stops = "corpus.jsonl"
    else:
        hub.lies["corpus.jsonl"] = b'{"_id": "666", "title": "", "text": "lie"}\n'
    source = HubSettings(type="hub", dataset="me/toy").open(tmp_path)
    with pytest.raises(HubError, match=r"corpus\.jsonl of me/toy .*set source\.folder"):
        list(source.documents())
    hub.hangs = hub.stops = "\0"
    hub.closed.set()
    hub.lies.clear()
    assert read(HubSettings(type="hub", dataset="me/toy").open(tmp_path)) == TOY


def test_a_cache_that_keeps_no_notes_for_offline_runs_does_no_harm(
    hub: FakeHub, tmp_path: Path
) -> None:
    for name in ("toy", "toy-qrels"):
        folder = tmp_path / "cache" / f"datasets--me--{name}"
        folder.mkdir(parents=True)
        for taken in ("refs", "hn_assets"):
            (folder / taken).touch()
    assert read(HubSettings(type="hub", dataset="me/toy").open(tmp_path)) == TOY


def test_offline_what_was_read_before_is_read(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(HubSettings(type="hub", dataset="me/toy").open(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    asked = len(hub.asked)
    assert read(HubSettings(type="hub", dataset="me/toy").open(tmp_path)) == TOY
    assert len(hub.asked) == asked


def test_offline_what_was_fetched_in_part_is_not_taken_for_whole(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = tmp_path / "pushed" / "toy"
    readme = (toy / "README.md").read_text().replace("path: queries.jsonl", 'path: "queries*"')
    (toy / "README.md").write_text(readme)
    write_jsonl(toy / "queries2.jsonl", [{"_id": "2", "text": "how"}])
    hub.commit("me/toy", toy)
    hub.hangs = "queries2.jsonl"
    source = HubSettings(type="hub", dataset="me/toy").open(tmp_path)
    assert len(list(source.documents())) == 1
    with pytest.raises(HubError, match=r"queries2\.jsonl of me/toy"):
        list(source.queries())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    source = HubSettings(type="hub", dataset="me/toy").open(tmp_path)
    assert len(list(source.documents())) == 1
    with pytest.raises(HubError, match=r"queries2\.jsonl of me/toy"):
        list(source.queries())


def test_a_local_folder_is_read_anew_when_it_changes(tmp_path: Path) -> None:
    hub_layout(tmp_path)
    path = tmp_path / "toy" / "corpus.jsonl"
    settings = HubSettings(type="hub", dataset="toy")
    before = settings.open(tmp_path).fingerprint()
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    assert read(settings.open(tmp_path)) == TOY
    path.write_text(path.read_text().replace("seven", "SEVEN"))
    os.utime(path, ns=times)
    source = settings.open(tmp_path)
    assert [document.text for document in source.documents()] == ["SEVEN"]
    assert None not in (before, source.fingerprint())
    assert source.fingerprint() != before


def test_a_local_folder_with_a_file_less_is_in_another_state(tmp_path: Path) -> None:
    hub_layout(tmp_path)
    source = HubSettings(type="hub", dataset="toy").open(tmp_path)
    before = source.state()
    os.utime(tmp_path / "toy-qrels" / "train.tsv", (1, 1))
    older = source.state()
    (tmp_path / "toy-qrels" / "train.tsv").unlink()
    assert len({before, older, source.state()}) == 3


def test_compressed_files_are_read_and_one_that_is_cut_off_is_named(tmp_path: Path) -> None:
    hub_layout(tmp_path)
    folder = tmp_path / "toy"
    data = gzip.compress((folder / "corpus.jsonl").read_bytes())
    (folder / "corpus.jsonl").unlink()
    readme = folder / "README.md"
    readme.write_text(readme.read_text().replace("corpus.jsonl", "corpus.jsonl.gz"))
    (folder / "corpus.jsonl.gz").write_bytes(data)
    source = HubSettings(type="hub", dataset="toy").open(tmp_path)
    assert [document.text for document in source.documents()] == ["seven"]
    for damaged in (data[:-6], data[:5], b"", data[:12] + b"????" + data[16:]):
        (folder / "corpus.jsonl.gz").write_bytes(damaged)
        with pytest.raises(SourceError, match=r"corpus\.jsonl\.gz"):
            list(source.documents())


@pytest.mark.parametrize("allowed", [True, False])
def test_line_breaks_in_a_csv_file_are_read_if_the_setting_allows_them(
    tmp_path: Path, allowed: bool
) -> None:
    readme = hub_layout(tmp_path) / "toy" / "README.md"
    readme.write_text(readme.read_text().replace("corpus.jsonl", "corpus.csv"))
    (tmp_path / "toy" / "corpus.csv").write_text('_id,text\n007,"two\nlines"\n')
    source = HubSettings(type="hub", dataset="toy", line_breaks=allowed).open(tmp_path)
    if allowed:
        assert [document.text for document in source.documents()] == ["two\nlines"]
    else:
        with pytest.raises(SourceError, match=r"corpus\.csv:2: .* source\.line_breaks"):
            list(source.documents())


def test_parquet_files_are_read(tmp_path: Path) -> None:
    hub_layout(tmp_path)
    rows = pd.DataFrame({"query-id": ["1"], "corpus-id": ["007"], "score": [2]})
    for path in (tmp_path / "toy-qrels").iterdir():
        path.unlink()
    rows.to_parquet(tmp_path / "toy-qrels" / "dev-00000-of-00001.parquet")
    source = HubSettings(type="hub", dataset="toy").open(tmp_path)
    assert [qrel[:4] for qrel in source.qrels()] == [("1", "007", 2, "validation")]


def test_hub_qrels_with_further_columns_are_read(tmp_path: Path) -> None:
    hub_layout(tmp_path)
    for path in (tmp_path / "toy-qrels").iterdir():
        path.write_text("query-id\tcorpus-id\tscore\tjudge\n1\td7\t1\tme\n")
    source = HubSettings(type="hub", dataset="toy").open(tmp_path)
    assert {q[:3] for q in source.qrels()} == {("1", "d7", 1)}


def test_a_configuration_whose_files_are_missing_is_named(tmp_path: Path) -> None:
    hub_layout(tmp_path)
    (tmp_path / "toy" / "corpus.jsonl").unlink()
    source = HubSettings(type="hub", dataset="toy").open(tmp_path)
    with pytest.raises(HubError, match=r"toy is not in the layout .* configuration 'corpus'"):
        list(source.documents())


def test_a_hub_that_cannot_be_reached_says_how_to_name_a_folder(tmp_path: Path) -> None:
    source = HubSettings(type="hub", dataset="BeIR/no-such-set").open(tmp_path)
    with pytest.raises(HubError, match=r"BeIR/no-such-set is at.*source\.folder"):
        list(source.documents())


def test_a_folder_takes_the_place_of_the_hub(tmp_path: Path) -> None:
    write_beir(tmp_path / "data", {"d": "text"}, {"q": "query"}, {"train": [("q", "d", 1)]})
    source = HubSettings(type="hub", dataset="BeIR/x", folder="data").open(tmp_path)
    assert [d.id for d in source.documents()] == ["d"]
    assert source.describe()["type"] == "beir"
