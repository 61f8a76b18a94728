"""Checks are declared once, found by themselves, and look at what they are given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hn_assets.evaluation.checks.all_checks import all_checks
from hn_assets.evaluation.checks.base.check import Check
from hn_assets.evaluation.checks.base.result import CheckResult, blocking_failures
from hn_assets.evaluation.checks.kinds import corpus_and_qrels as data
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.sources.kinds.python_stdlib import PythonStdlibSettings
from hn_assets.store import layout
from hn_assets.store.layout import StageFile
from hn_assets_tests.evaluation.checks.dataset_files import TEXTS, write_corpus, write_qrels

PASSED = CheckResult(True, "all is well")
BLOCKED = CheckResult(False, "nothing is well")
WARNED = CheckResult(False, "something is not well", blocks=False)
CHECK = Check(layout.CORPUS.stage, "is_there", "The corpus is there.", lambda inputs: PASSED)


class GivenInputs:
    """Inputs of a check that were written by hand."""

    def __init__(self, files: Mapping[StageFile, Path], accepted: Mapping[str, Any]) -> None:
        self.settings = DatasetSettings(source=PythonStdlibSettings(type="python_stdlib"))
        self._files, self._accepted = files, accepted

    def file(self, stage_file: StageFile) -> Path:
        return self._files[stage_file]

    def info(self, stage: str) -> Mapping[str, Any]:
        return {"index_recall": 0.5, "recall_of_mined": 0.9, "depth": 100}

    def accepted(self, what: str) -> Any:
        return self._accepted.get(what)


def find(stage: str, name: str) -> Check:
    (found,) = (check for check in all_checks() if (check.stage, check.name) == (stage, name))
    return found


def test_checks_come_in_the_order_of_the_stages() -> None:
    stages = list(dict.fromkeys(check.stage for check in all_checks()))
    assert stages == [
        "corpus",
        "queries",
        "qrels",
        "corpus_embeddings",
        "query_embeddings",
        "faiss_index",
        "candidates",
        "retrieval_quality",
        "false_negative_audit",
        "hard_negatives",
        "review_result",
        "fine_tuned_quality",
        "promoted_model",
    ]


def test_descriptions_are_sentences() -> None:
    for check in all_checks():
        assert check.description[0].isupper() or check.description.startswith("nDCG"), check.name
        assert check.description.endswith("."), check.name


def test_a_check_that_a_module_adds_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "CHECKS", (*data.CHECKS, CHECK))
    assert CHECK in all_checks()


def test_two_checks_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "CHECKS", (CHECK, CHECK))
    with pytest.raises(ValueError, match="two checks of corpus have the name is_there"):
        all_checks()


def test_a_check_of_an_unknown_stage_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "CHECKS", (Check("corpse", "is_there", "", lambda i: PASSED),))
    with pytest.raises(ValueError, match="'corpse', which is no stage"):
        all_checks()


def test_a_declared_check_looks_at_files_settings_and_the_last_training_set(
    tmp_path: Path,
) -> None:
    files = {
        layout.CORPUS: write_corpus(tmp_path, TEXTS),
        layout.QRELS: write_qrels(tmp_path, ("1", "a", 1, "train")),
    }
    check = find("qrels", "nothing_is_lost")
    assert check.look(GivenInputs(files, {})).passed
    found = check.look(GivenInputs(files, {"sizes": {"documents": 40, "positives": 1}}))
    assert not found.passed
    assert "documents were 40, and are 4" in found.message


def test_a_declared_check_looks_at_what_a_manifest_says() -> None:
    inputs = GivenInputs({}, {})
    assert not find("candidates", "index_finds_enough").look(inputs).passed
    assert find("candidates", "positives_are_found").look(inputs).passed


def test_the_verdict_says_what_was_seen_and_whether_it_stops_a_refresh() -> None:
    assert CHECK.verdict(PASSED).state == "passed"
    assert CHECK.verdict(WARNED, accepted=True).state == "warned"
    assert CHECK.verdict(BLOCKED, accepted=True).state == "accepted"
    assert CHECK.verdict(BLOCKED).message == "nothing is well"
    unknown = CHECK.verdict(None)
    assert (unknown.state, unknown.message) == ("not run", "The corpus is there.")
    results = (PASSED, WARNED, BLOCKED, None)
    stopped = blocking_failures([CHECK.verdict(result) for result in results])
    assert stopped == [CHECK.verdict(BLOCKED)]
