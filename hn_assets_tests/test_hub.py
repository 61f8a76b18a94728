"""A hub that answers, hangs or lies: nobody waits for long, and the cache keeps no lie."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import hn_assets.hub
from hn_assets.encoding.models.model_state import state_of_model
from hn_assets.errors import HubError, HubUnavailableError
from hn_assets.hub import (
    HubFile,
    commit_on_hub,
    fetch_file,
    files_on_hub,
    remember_commit,
)
from hn_assets.sources.fingerprint import state_of_source
from hn_assets.sources.kinds.hub import HubSettings
from hn_assets_tests.fake_hub import FakeHub, fake_hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub(tmp_path / "cache", monkeypatch) as running:
        yield running


def test_the_commit_of_a_branch_and_of_a_revision(hub: FakeHub) -> None:
    first = hub.commit("me/data", {"a.txt": b"one"})
    second = hub.commit("me/data", {"a.txt": b"two"})
    assert commit_on_hub("me/data", "dataset") == second != first
    assert commit_on_hub("me/data", "dataset", first) == first
    model = hub.commit("me/model", {"config.json": b"{}"})
    assert commit_on_hub("me/model", "model") == model
    with pytest.raises(HubError, match=r"which revision me/data is at \(v9\): "):
        commit_on_hub("me/data", "dataset", "v9")
    with pytest.raises(HubError, match=r"which revision me/other is at: "):
        commit_on_hub("me/other", "dataset")


@pytest.mark.parametrize("how", ["hangs", "trickles"])
def test_a_hub_that_does_not_answer_ends_a_sensors_look_in_time(
    hub: FakeHub, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hn_assets.hub, "ANSWER_SECONDS", 0.5)
    hub.commit("me/data", {"a.txt": b"one"})
    hub.commit("me/model", {"config.json": b"{}"})
    setattr(hub, how, "/me/")
    started = time.monotonic()
    source = HubSettings(type="hub", dataset="me/data").open(tmp_path)
    with pytest.raises(HubError, match=r"me/data is at: .*(within 0.5 seconds|timed out)"):
        state_of_source(source, [])
    with pytest.raises(HubError, match=r"me/model is at: .*(within 0.5 seconds|timed out)"):
        state_of_model("me/model")
    assert time.monotonic() - started < 3


NAME = "me/toy"
FILES = {"README.md": b"# Toy\n", "data/rows.jsonl": b'{"a": 1}\n' * 1000}


@pytest.fixture
def toy(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """The hub with a repository of two files, which nobody waits long for."""
    monkeypatch.setattr(hn_assets.hub, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(hn_assets.hub, "STALL_SECONDS", 1.0)
    hub.commit(NAME, FILES)
    return hub


def kept(folder: Path) -> list[bytes]:
    """The contents of the blobs in the cache."""
    return [path.read_bytes() for path in folder.glob("cache/*/blobs/*")]


def test_the_files_of_a_commit_are_those_of_the_hub(toy: FakeHub) -> None:
    first = commit_on_hub(NAME, "dataset")
    toy.commit(NAME, {"README.md": b"# Other\n"})
    asked = len(toy.asked)
    assert commit_on_hub(NAME, "dataset", first) == first
    assert len(toy.asked) == asked, "a commit is one without a question"
    files = files_on_hub(NAME, "dataset", first)
    assert [file.name for file in files] == ["README.md", "data/rows.jsonl"]
    read = {f.name: fetch_file(NAME, "dataset", first, f).read_bytes() for f in files}
    assert read == FILES


def test_a_hub_that_hangs_ends_every_question_soon(toy: FakeHub) -> None:
    commit = commit_on_hub(NAME, "dataset")
    (file, _) = files_on_hub(NAME, "dataset", commit)
    toy.hangs = NAME
    started = time.monotonic()
    with pytest.raises(HubError, match="does not say which revision me/toy is at"):
        commit_on_hub(NAME, "dataset")
    assert files_on_hub(NAME, "dataset", commit)[0] == file, "the files of a commit never change"
    with pytest.raises(HubError, match="does not say which revision me/toy is at"):
        files_on_hub(NAME, "dataset", "0" * 40)
    with pytest.raises(HubError, match=r"README.md of me/toy cannot be downloaded"):
        fetch_file(NAME, "dataset", commit, file)
    assert time.monotonic() - started < 6


def test_what_can_pass_is_told_from_what_stays(toy: FakeHub) -> None:
    commit = commit_on_hub(NAME, "dataset")
    (file, _) = files_on_hub(NAME, "dataset", commit)
    for name, revision in (("me/nowhere", None), (NAME, "v9"), ("no name", None)):
        with pytest.raises(HubError) as refused:
            commit_on_hub(name, "dataset", revision)
        assert not isinstance(refused.value, HubUnavailableError), "it is as wrong the next time"
    toy.fails = NAME
    with pytest.raises(HubUnavailableError):
        commit_on_hub(NAME, "dataset")
    with pytest.raises(HubUnavailableError):
        fetch_file(NAME, "dataset", commit, file)


def test_a_download_that_stops_in_the_middle_ends(toy: FakeHub) -> None:
    commit = commit_on_hub(NAME, "dataset")
    toy.stops = "data/rows.jsonl"
    (_, file) = files_on_hub(NAME, "dataset", commit)
    started = time.monotonic()
    with pytest.raises(HubError, match=r"data/rows.jsonl of me/toy .* no answer within 1 seconds"):
        fetch_file(NAME, "dataset", commit, file)
    assert time.monotonic() - started < 5


def test_other_bytes_than_the_hub_lists_do_not_stay_in_the_cache(
    toy: FakeHub, tmp_path: Path
) -> None:
    commit = commit_on_hub(NAME, "dataset")
    (_, file) = files_on_hub(NAME, "dataset", commit)
    toy.lies[file.name] = b'{"a": 2}\n' * 1000
    with pytest.raises(HubError, match=r"data/rows.jsonl of me/toy is not what the hub lists"):
        fetch_file(NAME, "dataset", commit, file)
    assert kept(tmp_path) == []
    toy.lies.clear()
    path = fetch_file(NAME, "dataset", commit, file)
    assert path.read_bytes() == FILES[file.name]
    path.resolve().write_bytes(b"damaged on the disk")
    assert fetch_file(NAME, "dataset", commit, file).read_bytes() == FILES[file.name]


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../b", "a\0b"])
def test_a_file_name_that_leads_out_of_the_repository_is_refused(toy: FakeHub, name: str) -> None:
    commit = toy.commit(NAME, {name: b"x"})
    with pytest.raises(HubError, match="which names no file"):
        files_on_hub(NAME, "dataset", commit)


def test_offline_the_cache_answers(toy: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = commit_on_hub(NAME, "dataset")
    for file in files_on_hub(NAME, "dataset", commit):
        fetch_file(NAME, "dataset", commit, file)
    remember_commit(NAME, "dataset", None, commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    asked = len(toy.asked)
    assert commit_on_hub(NAME, "dataset") == commit
    files = files_on_hub(NAME, "dataset", commit)
    assert [file.name for file in files] == sorted(FILES)
    assert fetch_file(NAME, "dataset", commit, files[0]).read_bytes() == FILES["README.md"]
    with pytest.raises(HubError, match="which revision me/toy is at"):
        commit_on_hub(NAME, "dataset", "v2")
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        files_on_hub(NAME, "dataset", "0" * 40)
    with pytest.raises(HubError, match="cannot be downloaded"):
        fetch_file(NAME, "dataset", commit, HubFile("other.txt", ""))
    assert len(toy.asked) == asked
