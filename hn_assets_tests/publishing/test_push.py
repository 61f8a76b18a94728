"""A push is one commit of what differs, by a token that may, over nobody else's changes."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hn_assets.errors import HubPushError, HubPushUnavailableError
from hn_assets.publishing import push as pushing
from hn_assets.publishing.push import Pushed, Repository, push
from hn_assets_tests.fake_hub import FakeHub, fake_hub

NAME = "me/data"
CONTENT = {"README.md": b"---\ntags: [a]\n---\n# Data\n", "rows.parquet": b"rows", "a.jsonl": b"{}"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub(tmp_path / "cache", monkeypatch) as running:
        monkeypatch.setenv("HF_TOKEN", running.token)
        yield running


class Folder:
    """Files that are pushed again and again, as a stage does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.last: dict[str, str] = {}

    def push(self, content: dict[str, bytes], **options: bool) -> Pushed:
        files: dict[str, Path] = {}
        for name, text in content.items():
            files[name] = self.folder / name
            files[name].write_bytes(text)
        pushed = push(Repository(NAME, "dataset", **options), files, self.last, "a push")
        self.last = pushed.digests
        return pushed


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "files").mkdir()
    return Folder(tmp_path / "files")


def commits(hub: FakeHub) -> list[str]:
    return [request for request in hub.asked if "/commit/" in request]


def test_a_new_repository_is_private_and_has_all_files_in_one_commit(
    hub: FakeHub, folder: Folder
) -> None:
    pushed = folder.push(CONTENT)
    assert hub.visibilities == {NAME: "private"}
    assert len(commits(hub)) == 1
    assert hub.heads[NAME] == pushed.commit
    assert {name: hub.files(NAME)[name] for name in CONTENT} == CONTENT
    assert pushed.written == sorted(CONTENT)
    assert list(hub.uploads.values()) == [b"rows"], "the table is kept outside Git"
    assert pushed.url == f"{hub.url}/datasets/{NAME}"


def test_what_is_there_is_not_pushed_again(hub: FakeHub, folder: Folder) -> None:
    first = folder.push(CONTENT)
    hub.asked.clear()
    again = folder.push(CONTENT)
    assert (again.commit, again.written, again.digests) == (first.commit, [], first.digests)
    folder.last = {}  # as after the store was lost
    assert folder.push(CONTENT).written == []
    assert not any(request.startswith(("POST", "PUT")) for request in hub.asked)


def test_only_what_differs_is_pushed_and_what_is_gone_is_removed(
    hub: FakeHub, folder: Folder
) -> None:
    folder.push(CONTENT)
    theirs = hub.files(NAME) | {"NOTES.md": b"of somebody else"}
    hub.commit(NAME, theirs)
    content = {"README.md": CONTENT["README.md"], "rows.parquet": b"other rows"}
    pushed = folder.push(content)
    assert (pushed.written, pushed.removed) == (["rows.parquet"], ["a.jsonl"])
    left = {**content, "NOTES.md": b"of somebody else"}
    assert {k: v for k, v in hub.files(NAME).items() if k != ".gitattributes"} == left


def test_without_a_token_nobody_is_asked(
    hub: FakeHub, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubPushError, match="HF_TOKEN is not set: to push to me/data"):
        folder.push(CONTENT)
    assert hub.asked == []


def test_a_token_that_may_not_write_is_an_error_that_does_not_name_it(
    hub: FakeHub, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hub.commit(NAME, {".gitattributes": b""})
    monkeypatch.setenv("HF_TOKEN", "hf_secret_that_reads")
    with pytest.raises(
        HubPushError, match="the token in HF_TOKEN may not write to me/data"
    ) as found:
        folder.push(CONTENT)
    assert "hf_secret" not in str(found.value)
    assert hub.heads[NAME] == before


def test_a_file_that_somebody_else_changed_is_not_replaced(hub: FakeHub, folder: Folder) -> None:
    folder.push(CONTENT)
    hub.commit(NAME, {**hub.files(NAME), "README.md": b"---\ntags: [mine]\n---\n"})
    changed = {**CONTENT, "rows.parquet": b"other rows"}
    with pytest.raises(HubPushError, match=r"README.md of me/data was changed by somebody else"):
        folder.push(changed)
    assert hub.files(NAME)["rows.parquet"] == b"rows", "all or nothing"
    folder.push(changed, overwrite=True)
    assert hub.files(NAME)["README.md"] == CONTENT["README.md"]


def test_a_push_at_the_same_time_is_not_overwritten(hub: FakeHub, folder: Folder) -> None:
    folder.push(CONTENT)

    def push_first(path: str) -> None:
        if "/preupload/" in path:
            hub.commit(NAME, {**hub.files(NAME), "rows.parquet": b"of somebody else"})

    hub.before_answer = push_first
    with pytest.raises(HubPushUnavailableError, match="somebody else pushed to me/data at the"):
        folder.push({**CONTENT, "rows.parquet": b"other rows"})
    assert hub.files(NAME)["rows.parquet"] == b"of somebody else"
    hub.before_answer = lambda path: None
    with pytest.raises(HubPushError, match="rows.parquet of me/data was changed by somebody else"):
        folder.push({**CONTENT, "rows.parquet": b"other rows"})


def test_a_commit_that_fails_leaves_everything_as_it_was(hub: FakeHub, folder: Folder) -> None:
    first = folder.push(CONTENT)
    hub.fails = "/commit/"
    changed = {**CONTENT, "rows.parquet": b"other rows", "a.jsonl": b"{1}"}
    with pytest.raises(HubPushUnavailableError, match="nothing was pushed to me/data: .*503"):
        folder.push(changed)
    assert hub.heads[NAME] == first.commit
    hub.fails = "\0"
    assert folder.push(changed).written == ["a.jsonl", "rows.parquet"]


def test_a_hub_that_is_away_for_a_moment_is_asked_again_by_its_client(
    hub: FakeHub, folder: Folder
) -> None:
    hub.fails, hub.faults_left = "/preupload/", 1
    assert folder.push(CONTENT).written == sorted(CONTENT)


def test_a_hub_that_hangs_ends_the_push(
    hub: FakeHub, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "SECONDS_TO_COMMIT", 0.5)
    hub.hangs = "/commit/"
    started = time.monotonic()
    with pytest.raises(HubPushUnavailableError, match="no answer within 0.5"):
        folder.push(CONTENT)
    assert time.monotonic() - started < 5


def test_offline_nothing_is_pushed(
    hub: FakeHub, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubPushError, match="HF_HUB_OFFLINE is set"):
        folder.push(CONTENT)
