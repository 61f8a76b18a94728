"""A check looks again only if it would read something else, and its verdict is remembered."""

from pathlib import Path
from typing import Any

import pytest

from hn_assets.evaluation.checks.base.check import Check, CheckInputs
from hn_assets.evaluation.checks.base.last_training_set import ACCEPTED
from hn_assets.evaluation.checks.base.result import CheckResult, CheckState
from hn_assets.evaluation.checks.kinds import corpus_and_qrels as data
from hn_assets.evaluation.checks.run_checks import StoreInputs, read_verdicts, run_check
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.sources.kinds.python_stdlib import PythonStdlibSettings
from hn_assets.store import DatasetStore, layout, open_store

SETTINGS = DatasetSettings(source=PythonStdlibSettings(type="python_stdlib"))
looked: list[str] = []


def look(inputs: CheckInputs) -> CheckResult:
    """Fail if the corpus is smaller than at the last training set."""
    text = inputs.file(layout.CORPUS).read_text()
    looked.append(text)
    before = inputs.accepted("sizes")
    return CheckResult(before is None or len(text) >= before, f"the corpus has {len(text)}")


CHECK = Check(layout.CORPUS.stage, "is_large", "The corpus is large.", look)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetStore:
    looked.clear()
    monkeypatch.setattr(data, "CHECKS", (*data.CHECKS, CHECK))
    store = DatasetStore(tmp_path, "toy")
    publish_corpus(store, "12345")
    return store


def publish_corpus(store: DatasetStore, text: str) -> None:
    with store.stage(layout.CORPUS.stage).publish() as draft:
        draft.path(layout.CORPUS.name).write_text(text)


def publish_training_set(store: DatasetStore, size: int) -> None:
    with store.stage(layout.TRAINING_SET.stage).publish() as draft:
        draft.path(layout.TRAINING_SET.name).write_text(str(size))
        draft.info[ACCEPTED] = {"sizes": size}


def state(store: DatasetStore, settings: DatasetSettings = SETTINGS, **options: Any) -> CheckState:
    """The state of `CHECK` as the report sees it."""
    verdicts = read_verdicts(store, settings, **options)
    (verdict,) = (verdict for verdict in verdicts if verdict.check == CHECK.name)
    return verdict.state


def test_a_check_looks_once_at_the_same_files(store: DatasetStore) -> None:
    first = run_check(CHECK, store, SETTINGS)
    assert first.passed
    assert run_check(CHECK, store, SETTINGS) == first
    publish_corpus(store, "1234567")
    assert run_check(CHECK, store, SETTINGS).message == "the corpus has 7"
    assert looked == ["12345", "1234567"]


def test_a_check_looks_again_after_another_training_set(store: DatasetStore) -> None:
    run_check(CHECK, store, SETTINGS)
    publish_training_set(store, 9)
    assert not run_check(CHECK, store, SETTINGS).passed
    assert len(looked) == 2


def test_a_check_looks_again_with_other_settings_or_another_version(store: DatasetStore) -> None:
    run_check(CHECK, store, SETTINGS)
    limits = SETTINGS.checks.model_copy(update={"min_recall": 0.9})
    run_check(CHECK, store, SETTINGS.model_copy(update={"checks": limits}))
    newer = Check(CHECK.stage, CHECK.name, CHECK.description, look, version=2)
    run_check(newer, store, SETTINGS)
    assert len(looked) == 3
    job = SETTINGS.job.model_copy(update={"retries": 9})
    run_check(newer, store, SETTINGS.model_copy(update={"job": job}))
    assert len(looked) == 3, "no check depends on how the job runs"


def test_the_inputs_know_what_was_read(store: DatasetStore) -> None:
    inputs = StoreInputs(store, SETTINGS)
    look(inputs)
    assert inputs.read == {
        "corpus": store.stage("corpus").require().version,
        "training_set": "",
    }
    assert inputs.would_read(inputs.read)
    publish_training_set(store, 9)
    assert not inputs.would_read(inputs.read)
    assert dict(inputs.info("training_set")) == {ACCEPTED: {"sizes": 9}}


def test_a_check_looks_again_if_the_manifest_that_it_reads_says_something_else(
    store: DatasetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish(count: int) -> None:
        with store.stage(layout.CORPUS.stage).publish() as draft:
            draft.path(layout.CORPUS.name).write_text("12345")
            draft.info["count"] = count

    def few(inputs: CheckInputs) -> CheckResult:
        return CheckResult(inputs.info(layout.CORPUS.stage)["count"] < 2, "counted")

    check = Check(layout.CORPUS.stage, CHECK.name, "There are few.", few)
    monkeypatch.setattr(data, "CHECKS", (*data.CHECKS[:-1], check))
    publish(1)
    assert run_check(check, store, SETTINGS).passed
    assert state(store) == "passed"
    publish(2)
    assert state(store) == "not run"
    assert not run_check(check, store, SETTINGS).passed


def test_a_verdict_is_of_the_files_that_are_there(store: DatasetStore) -> None:
    assert state(store) == "not run"
    run_check(CHECK, store, SETTINGS)
    assert state(store) == "passed"
    publish_training_set(store, 2)
    assert state(store) == "passed", "the refresh has replaced the training set by now"
    publish_corpus(store, "other")
    assert state(store) == "not run"


def test_a_failure_stays_one_until_somebody_accepts_it(store: DatasetStore) -> None:
    publish_training_set(store, 9)
    run_check(CHECK, store, SETTINGS)
    assert state(store) == "failed"
    assert state(store, accepted=[CHECK.name]) == "accepted"
    assert state(store) == "failed"
    run_check(CHECK, store, SETTINGS, accepted=[CHECK.name])
    assert state(store) == "accepted"
    assert len(looked) == 1
    publish_corpus(store, "1")
    run_check(CHECK, store, SETTINGS)
    assert state(store) == "failed", "other files were accepted"


def test_a_machine_that_lost_its_lease_can_say_nothing_of_the_version_of_another(
    store: DatasetStore, tmp_path: Path
) -> None:
    """Notes are written without a lease: one that comes late is of files that are there no more."""
    place = {"HN_DATA_DIR": f"file://{tmp_path}/remote"}
    one, two = (open_store(tmp_path / name, "toy", place) for name in ("one", "two"))
    publish_corpus(one, "12345")
    assert run_check(CHECK, one, SETTINGS).passed
    assert one.remote is not None
    name = f"toy/{CHECK.stage}/check-{CHECK.name}.json"
    late = one.remote.read(name)
    assert late is not None
    publish_training_set(two, 9)
    publish_corpus(two, "1234567")
    assert not run_check(CHECK, two, SETTINGS).passed
    assert state(two) == "failed"
    one.remote.write(name, late.decode())
    assert state(two) == "not run"
    assert run_check(CHECK, two, SETTINGS).message == "the corpus has 7"
    assert state(two) == "failed"
