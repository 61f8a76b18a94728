"""One run at a time publishes a stage under a URL; one that lost its lease publishes nothing."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

import pytest

from hn_assets.errors import LeaseLostError, StoreBusyError, StoreError
from hn_assets.store import DatasetStore, Holder, StageStore, Waiting, open_store
from hn_assets.store.lease import LEASE_SECONDS
from hn_assets.store.manifest import Manifest
from hn_assets_tests.s3_server import S3Server

LOG = logging.getLogger(__name__)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if getattr(request, "param", "file") == "file":
        return f"file://{tmp_path}/remote"
    return f"{request.getfixturevalue('s3').url}/{tmp_path.name}"


on_both = pytest.mark.parametrize("place", ["s3", "file"], indirect=True)


class Clock:
    """A clock of this machine that goes on only while it sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.meanwhile: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("lease", "waiting"):
        monkeypatch.setattr(f"hn_assets.store.{module}.time", clock)
    return clock


def machine(tmp_path: Path, name: str, place: str) -> DatasetStore:
    return open_store(tmp_path / name, "toy", {"HN_DATA_DIR": place})


def stage_of(tmp_path: Path, name: str, place: str) -> StageStore:
    return machine(tmp_path, name, place).stage("corpus")


@contextmanager
def held(
    stage: StageStore, run: str = "", max_wait: float = 1e9, locked: Path | None = None
) -> Iterator[None]:
    holder = Holder.of_this_process(run, locked)
    with stage.held(holder, Waiting(stage.asset, max_wait, LOG)):
        yield


def publish(stage: StageStore, text: str) -> int:
    """Publish a text; return the fencing number in the manifest."""
    with stage.publish() as draft:
        draft.path("data.txt").write_text(text)
    assert draft.manifest is not None
    return draft.manifest.fencing_number


def current(tmp_path: Path, place: str) -> str:
    """What a machine that was never here before reads."""
    return stage_of(tmp_path, "reader", place).file("data.txt").read_text()


def lease_file(store: DatasetStore) -> dict[str, Any]:
    assert store.remote is not None
    return json.loads(store.remote.read("toy/corpus/lease.json") or b"{}")


def never_renew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the process of every holder were stopped."""
    monkeypatch.setattr("hn_assets.store.lease.Lease._keep_renewing", lambda lease: None)


@on_both
def test_each_publication_has_the_next_fencing_number(tmp_path: Path, place: str) -> None:
    one, two = (stage_of(tmp_path, name, place) for name in ("one", "two"))
    assert [publish(one, "a"), publish(two, "b"), publish(one, "b")] == [1, 2, 3]
    assert current(tmp_path, place) == "b"


def test_who_meets_a_lease_is_told_who_holds_it_and_what_to_do(
    tmp_path: Path, place: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = (stage_of(tmp_path, name, place) for name in ("one", "two"))
    with held(one, run="run-7"), caplog.at_level(logging.INFO):
        with (
            pytest.raises(
                StoreBusyError,
                match=r"toy/corpus is being made by process \d+ on .* \(run run-7\), since .*"
                r"waited for 45 seconds, as job\.max_wait_seconds says",
            ),
            held(two, max_wait=45),
        ):
            pass
        said = [line for line in caplog.messages if "waiting for another run" in line]
        assert len(said) == 2 and "run run-7" in said[0]
        publish(one, "by one")
    with held(two, max_wait=0):
        publish(two, "by two")
    assert current(tmp_path, place) == "by two"


def test_a_lease_that_is_renewed_is_not_taken_over(
    tmp_path: Path, place: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hn_assets.store.lease.LEASE_SECONDS", 1.0)
    one, two = (machine(tmp_path, name, place) for name in ("one", "two"))
    seen: list[int] = []

    def wait_for_renewal() -> None:
        while (renewals := lease_file(one)["renewals"]) in seen:
            time.sleep(0.01)
        seen.append(renewals)

    clock.meanwhile = wait_for_renewal
    with (
        held(one.stage("corpus")),
        pytest.raises(StoreBusyError),
        held(two.stage("corpus"), max_wait=5),
    ):
        pass
    assert len(seen) >= 5


@on_both
def test_a_lease_of_which_nothing_is_heard_is_taken_over_after_its_time(
    tmp_path: Path, place: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_renew(monkeypatch)
    one, two = (stage_of(tmp_path, name, place) for name in ("one", "two"))
    publish(one, "old")
    with pytest.raises(LeaseLostError, match="was not heard of for 60 seconds"), held(one):
        start = clock.now
        with held(two):
            assert LEASE_SECONDS <= clock.now - start <= LEASE_SECONDS + 2
            publish(two, "new")
        publish(one, "late")
    assert current(tmp_path, place) == "new"
    assert publish(one, "later") == 4, "it may try again"


@on_both
@pytest.mark.parametrize("before", ["something", "nothing", "a damaged manifest", "damage"])
def test_a_lease_that_is_lost_just_before_the_manifest_is_written_publishes_nothing(
    tmp_path: Path, place: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    never_renew(monkeypatch)
    one, two = (machine(tmp_path, name, place) for name in ("one", "two"))
    assert one.remote is not None
    if before != "nothing":
        publish(one.stage("corpus"), "old")
    if before in ("a damaged manifest", "damage"):
        one.remote.write("toy/corpus/manifest.json", '{"files": ')
    if before == "damage":
        one.remote.write("toy/corpus/manifest-copy.json", '{"files": ')
    replace, stage, other = one.remote.replace, one.stage("corpus"), two.stage("corpus")
    done: list[str] = []

    def replace_late(name: str, text: str, tag: str | None) -> str | None:
        """As if the process were stopped after it has looked at its lease."""
        if name.endswith("manifest.json") and not done:
            done.append(name)
            with held(other):
                pass
        return replace(name, text, tag)

    with pytest.raises(LeaseLostError), held(stage), monkeypatch.context() as patch:
        patch.setattr(one.remote, "replace", replace_late)
        publish(stage, "late")
    assert done
    reader = stage_of(tmp_path, "reader", place)
    if before == "damage":
        with pytest.raises(StoreError, match=r"manifest\.json is damaged.*materialize toy/corpus"):
            reader.manifest()
    elif before == "nothing":
        assert reader.manifest() is None
    else:
        assert current(tmp_path, place) == "old"
        assert Manifest.from_json(one.remote.read("toy/corpus/manifest.json") or b"").files
    publish(other, "new")
    assert current(tmp_path, place) == "new"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_off_changes_nothing(
    tmp_path: Path, place: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(hours=hours)

    never_renew(monkeypatch)
    one, two = (machine(tmp_path, name, place) for name in ("one", "two"))
    with monkeypatch.context() as patch:
        for module in ("lease", "holder"):
            patch.setattr(f"hn_assets.store.{module}.datetime", Shifted)
        holding = held(one.stage("corpus"))
        holding.__enter__()
    until = datetime.fromisoformat(lease_file(one)["valid_until"])
    assert abs(until - datetime.now(timezone.utc) - timedelta(hours=hours)).seconds < 600
    with pytest.raises(StoreBusyError), held(two.stage("corpus"), max_wait=LEASE_SECONDS - 2):
        pass
    with held(two.stage("corpus"), max_wait=LEASE_SECONDS + 2):
        pass
    holding.__exit__(None, None, None)


def test_a_lease_whose_holder_has_ended_in_this_very_folder_is_free_at_once(
    tmp_path: Path, place: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_renew(monkeypatch)
    one, again = (stage_of(tmp_path, "one", place) for _ in range(2))
    folder = tmp_path / "one"
    folder.mkdir()
    killed = held(one, locked=folder)
    killed.__enter__()
    start = clock.now
    with held(again, locked=folder):
        assert clock.now == start
        assert publish(again, "new") == 2


@pytest.mark.parametrize("damage", ["delete", "flip"])
def test_a_lease_that_is_gone_or_damaged_is_taken_with_a_higher_number(
    tmp_path: Path, clock: Clock, damage: str
) -> None:
    place = f"file://{tmp_path}/remote"
    stage = stage_of(tmp_path, "one", place)
    assert [publish(stage, text) for text in "ab"] == [1, 2]
    path = tmp_path / "remote/toy/corpus/lease.json"
    path.unlink() if damage == "delete" else path.write_bytes(b"\xff")
    assert publish(stage, "c") == 3


@pytest.mark.parametrize("name", ["lease.json", "manifest.json"])
def test_a_write_whose_answer_was_lost_is_known_as_ones_own(
    tmp_path: Path, s3: S3Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"{s3.url}/{tmp_path.name}"
    stage, lost = stage_of(tmp_path, "one", place), []

    def lose_the_first(method: str, path: str) -> bool:
        if method == "PUT" and path.endswith(f"{tmp_path.name}/toy/corpus/{name}"):
            lost.append(path)
        return len(lost) == 1 and method == "PUT"

    monkeypatch.setattr(s3, "loses_answer", lose_the_first)
    assert publish(stage, "content") == 1
    assert len(lost) > 1, "it was tried again"
    assert current(tmp_path, place) == "content"
    assert publish(stage, "more") == 2


@pytest.mark.parametrize("conditions", ["ignored", "refused"])
def test_a_server_without_conditional_writes_is_warned_of_once(
    tmp_path: Path,
    s3: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    conditions: str,
) -> None:
    monkeypatch.setattr(s3, "conditions", conditions)
    stage = stage_of(tmp_path, "one", f"{s3.url}/{tmp_path.name}")
    for text in ("one", "two"):
        publish(stage, text)
    assert len([line for line in caplog.messages if "takes no conditional writes" in line]) == 1
    assert current(tmp_path, f"{s3.url}/{tmp_path.name}") == "two"


def test_a_file_system_of_which_nothing_is_known_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert publish(stage_of(tmp_path, "one", "memory://nothing-known"), "one") == 1
    assert "memory://nothing-known takes no conditional writes" in caplog.text


def test_what_an_earlier_holder_removes_late_is_in_no_use(
    tmp_path: Path, place: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that comes back is uploaded to another folder than the one being removed."""
    never_renew(monkeypatch)
    monkeypatch.setattr("hn_assets.store.remote_stage.KEPT_SECONDS", 0.0)
    one, two = (machine(tmp_path, name, place) for name in ("one", "two"))
    for text in ("first", "second"):
        publish(one.stage("corpus"), text)
    assert one.remote is not None
    remove, removed = one.remote.remove_folder, []

    def remove_late(name: str) -> None:
        if not removed:
            publish(two.stage("corpus"), "first")
        removed.append(name)
        remove(name)

    monkeypatch.setattr(one.remote, "remove_folder", remove_late)
    publish(one.stage("corpus"), "third")
    assert removed
    assert current(tmp_path, place) == "first"
