"""Runs of one dataset at the same time, on one machine or two, do not get in each other's way."""

import logging
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from hn_assets.errors import StoreBusyError
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.operation_run import run_operation
from hn_assets.pipeline.stage import Operation, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.pipeline.stage_run import StageResult
from hn_assets.store import Draft, Manifest
from hn_assets_tests.pipeline.small_stages import (
    COPY,
    LETTERS,
    OnMachine,
    copy_stage,
    run_stages,
    small_dataset,
    write_stage,
)


class SlowStage:
    """A stage that is being made until it may end."""

    def __init__(self) -> None:
        self.started, self.may_end = Event(), Event()
        self.made = 0

    def make(self, context: StageContext, draft: Draft) -> Metadata:
        self.made += 1
        self.started.set()
        assert self.may_end.wait(30)
        draft.path(LETTERS.name).write_text("abc")
        return {}

    @property
    def stage(self) -> Stage:
        return Stage(writes=(LETTERS,), description="A text.", make=self.make, version=1)


@pytest.fixture(params=["one machine", "two machines"])
def datasets(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Dataset]:
    """The dataset as two runs see it."""
    monkeypatch.setattr("hn_assets.store.lease.SECONDS_BETWEEN_LOOKS", 0.02)
    monkeypatch.setattr("hn_assets.pipeline.run_lock.SECONDS_BETWEEN_TRIES", 0.02)
    is_one = request.param == "one machine"
    settings = small_dataset(tmp_path).settings
    return [
        OnMachine(
            "small",
            settings,
            tmp_path / ("here" if is_one else name),
            run=f"run-{name}",
            url=None if is_one else f"file://{tmp_path}/remote",
        )
        for name in ("a", "b")
    ]


def with_max_wait(dataset: Dataset, seconds: float) -> Dataset:
    job = dataset.settings.job.model_copy(update={"max_wait_seconds": seconds})
    return replace(dataset, settings=dataset.settings.model_copy(update={"job": job}))


def test_the_second_of_two_equal_runs_waits_and_makes_nothing_again(
    datasets: list[Dataset], caplog: pytest.LogCaptureFixture
) -> None:
    slow = SlowStage()
    with ThreadPoolExecutor(2) as threads, caplog.at_level(logging.INFO):
        first = threads.submit(run_stages, datasets[0], slow.stage)
        assert slow.started.wait(30)
        second: Future[list[StageResult]] = threads.submit(run_stages, datasets[1], slow.stage)
        while "waiting for another run that is making small/" not in caplog.text:
            assert not second.done(), second.result()
            time.sleep(0.01)
        slow.may_end.set()
        assert not first.result()[0].metadata["unchanged"]
        assert second.result()[0].metadata["unchanged"]
    assert slow.made == 1
    assert f"process {os.getpid()} on " in caplog.text and "run-a" in caplog.text
    assert datasets[1].store.file(LETTERS).read_text() == "abc"


def test_a_run_that_may_not_wait_says_who_is_making_it(datasets: list[Dataset]) -> None:
    slow = SlowStage()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(run_stages, datasets[0], slow.stage)
        assert slow.started.wait(30)
        with pytest.raises(
            StoreBusyError, match=rf"small/.* process {os.getpid()} on .*run-a.*job\.max_wait"
        ):
            run_stages(with_max_wait(datasets[1], 0), slow.stage)
        slow.may_end.set()
        first.result()


def letters_of(dataset: Dataset, text: str) -> None:
    """Publish other letters, as another run does."""
    with dataset.store.stage(LETTERS.stage).publish() as draft:
        draft.path(LETTERS.name).write_text(text)


def test_a_run_keeps_what_it_reads_until_it_has_ended(datasets: list[Dataset]) -> None:
    mine, other = datasets
    letters_of(other, "first")
    seen: list[Path] = []

    def make(context: StageContext, draft: Draft) -> Metadata:
        for text in ("second", "third", "fourth"):
            letters_of(other, text)
        seen.append(context.input(LETTERS))
        draft.path(COPY.name).write_bytes(seen[0].read_bytes())
        return {}

    copy = Stage(writes=(COPY,), description="A copy.", make=make, version=1, reads=(LETTERS,))
    run_operation_of(mine, copy)
    assert mine.store.file(COPY).read_text() == "first"
    for text in ("fifth", "sixth"):
        letters_of(mine, text)
    assert not seen[0].exists(), "nobody reads it any more"


def test_what_a_run_reads_is_what_it_says_that_it_has_read(
    datasets: list[Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = datasets
    letters_of(other, "first")
    version = other.store.stage(LETTERS.stage).require().version
    manifest = StageContext.manifest

    def publish_another_then(context: StageContext, stage: str) -> Manifest:
        found = manifest(context, stage)
        letters_of(other, "second")
        return found

    monkeypatch.setattr(StageContext, "manifest", publish_another_then)
    run_operation_of(mine, copy_stage(LETTERS, reads=[LETTERS]))
    made_from = mine.store.stage(COPY.stage).require().info["made_from"]
    assert made_from["inputs"] == {LETTERS.stage: version}
    assert mine.store.file(COPY).read_text() == "first"


def run_operation_of(dataset: Dataset, stage: Stage) -> None:
    """Make one stage of a dataset that has the letters as well."""
    operation = Operation(stage.name, (stage,))
    letters = write_stage(LETTERS, "")
    for _ in run_operation(dataset, operation, (letters, stage), logging.getLogger(__name__)):
        pass
