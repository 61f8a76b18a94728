"""The hub is asked for a commit, and one that does not answer keeps nobody waiting."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

import hn_assets.hub
from hn_assets.encoding.models.model_state import state_of_model
from hn_assets.errors import HubError
from hn_assets.hub import call_within, commit_on_hub
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


def test_a_call_that_makes_progress_is_waited_for() -> None:
    ticks = iter(range(1000))
    slow = lambda: time.sleep(1.2) or "done"  # noqa: E731
    assert call_within(0.4, slow, progress=lambda: next(ticks)) == "done"
    ended = Event()
    with pytest.raises(TimeoutError, match=r"no answer within 0.1 seconds"):
        call_within(0.1, lambda: ended.wait(5))
    ended.set()


def test_an_error_of_the_call_is_passed_on() -> None:
    def fail() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        call_within(5, fail)
