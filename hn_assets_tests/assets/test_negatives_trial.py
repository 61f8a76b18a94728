"""A trial in the graph: what it finds is mined, kept, and gone on with after a kill."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from hn_assets.trial.outcome import read_outcome
from hn_assets.trial.train_and_judge import TrialBench
from hn_assets_tests.assets.animals_dataset import UP_TO_NEGATIVES, AnimalsDataset, told
from hn_assets_tests.small_models import make_tiny_bert
from hn_assets_tests.training.test_trainers import with_pooling

PLANS = [
    {"name": "these settings"},
    {"name": "random documents"},
    {"name": "softest", "mining": {"range_min": 2, "range_max": 20, "hardness": 0.0}},
    # gives what the first one gives
    {"name": "again", "mining": {"range_min": 2, "range_max": 20}},
]
TRIAL: dict[str, Any] = {
    "folds": 2,
    "min_repeats": 2,
    "max_repeats": 2,
    "max_steps": 1,
    "plans": PLANS,
}


def make_graph(folder: Path, model: Path, **trial: Any) -> AnimalsDataset:
    return AnimalsDataset(
        folder,
        encoding={"model": str(model), "passage_max_length": 32},
        mining={"plan": "tournament"},
        trial={**TRIAL, **trial},
    )


UP_TO_MINED = [*UP_TO_NEGATIVES, "negatives_trial"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    return with_pooling(folder, make_tiny_bert(folder / "bare"))


@dataclass
class Tried:
    """A graph whose trial was killed in its third run, and was then held to its end.

    Attributes:
        graph: The graph.
        kept: What the killed trial left, with the time at which each file was written.
        result: Of the run that went on.
    """

    graph: AnimalsDataset
    kept: dict[Path, int]
    result: dg.ExecuteInProcessResult


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Tried:
    graph = make_graph(tmp_path_factory.mktemp("tried"), tiny, layers=1)
    run, calls = TrialBench.run, []

    def ends(bench: TrialBench, *given: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(bench, *given)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(BaseException):  # noqa: B017
        patch.setattr(TrialBench, "run", ends)
        graph.materialize(*UP_TO_MINED)
    kept = {path: path.stat().st_mtime_ns for path in graph.store.trial_runs.rglob("*.json")}
    return Tried(graph, kept, graph.materialize())


def test_the_plan_that_leads_is_mined(tried: Tried) -> None:
    graph, result = tried.graph, tried.result
    said = told(result)
    outcome = read_outcome(graph.file("negatives_trial", "outcome.json"))
    assert said["negatives_trial"]["plan"] == outcome.plan
    assert outcome.runs == 6, "three plans, two repeats"
    assert outcome.queries == 18
    states = {one.plan: one.state for one in outcome.plans}
    assert states["again"] == "it gives the same negatives as these settings"
    assert states[outcome.plan] == "leads"
    settings = said["hard_negatives"]["settings"]
    for key, value in outcome.settings["mining"].items():
        assert settings[key] == value, key
    assert said["calibration"]["summary"].startswith("the plan of the trial has no target rate")


def test_every_measurement_can_be_read(tried: Tried) -> None:
    graph = tried.graph
    measured = pd.read_parquet(graph.file("negatives_trial", "measurements.parquet"))
    assert set(measured.repeat) == {0, 1}
    # each query judges once, in the repeat whose models were not trained on it
    assert measured.groupby(["plan", "query_id"]).size().eq(1).all()
    outcome = read_outcome(graph.file("negatives_trial", "outcome.json"))
    for one in outcome.plans:
        of_plan = measured[measured.plan == one.plan]
        if len(of_plan):
            assert one.ndcg_at_10 == pytest.approx(of_plan.ndcg_at_10.mean())


def test_report_and_drift_tell_of_it(tried: Tried) -> None:
    graph, result = tried.graph, tried.result
    plan = str(told(result)["negatives_trial"]["plan"])
    page = graph.file("report", "report.html").read_text()
    assert "Which negatives train the better model?" in page
    for name in (plan, "random documents", "softest"):
        assert f"<td>{name}</td>" in page
    drift = told(result)["drift"]
    assert (drift["plan_of_the_trial"], drift["plan_before"]) == (plan, "there was no trial")


def test_the_stand_in_is_compared_with_the_whole_model(tried: Tried) -> None:
    said = told(tried.result)["negatives_trial"]
    assert said["stand_in"] == "the first layers of the model: 1"
    assert "the whole model, trained once with each of these plans" in str(
        said["agreement_with_the_whole_model"]
    )


def test_an_outcome_is_kept_until_enough_has_changed(
    tried: Tried,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = tried.graph.copied_to(tmp_path)
    monkeypatch.setattr(TrialBench, "run", _refuse)
    assert told(graph.materialize(*UP_TO_MINED))["negatives_trial"]["unchanged"]
    before = graph.version("negatives_trial")
    qrels = graph.folder / "raw" / "qrels" / "train.tsv"
    lines = qrels.read_text().splitlines()
    qrels.write_text("\n".join(lines[:-1]) + "\n")  # one pair of eighteen is gone
    said = told(graph.materialize(*UP_TO_MINED))["negatives_trial"]
    assert str(said["kept"]).startswith("the last outcome is kept: 5.6% of the labelled pairs")
    assert graph.version("negatives_trial") == before, "so that nothing is mined anew for it"
    qrels.write_text("\n".join(lines[:-3]) + "\n")
    result = graph.materialize(*UP_TO_MINED, raise_on_error=False)
    assert not result.success, "the trial is held anew"
    assert graph.version("negatives_trial") == before


def test_a_trial_that_was_killed_goes_on_with_the_runs_that_it_had(tried: Tried) -> None:
    graph = tried.graph
    assert len(tried.kept) == 2
    assert {path: path.stat().st_mtime_ns for path in tried.kept} == tried.kept
    outcome = read_outcome(graph.file("negatives_trial", "outcome.json"))
    seconds = [json.loads(p.read_text())["seconds"] for p in graph.store.trial_runs.rglob("*.json")]
    assert len(seconds) >= outcome.runs == 6
    assert outcome.seconds == pytest.approx(sum(seconds), abs=0.1), "those before the kill count"
    assert told(tried.result)["negatives_trial"]["runs"] == 6


def test_too_few_queries_are_told_and_the_first_plan_is_mined(tmp_path: Path, tiny: Path) -> None:
    graph = make_graph(tmp_path, tiny, folds=5)
    said = told(graph.materialize(*UP_TO_MINED))
    assert said["negatives_trial"]["verdict"] == "not compared"
    assert "only 18 queries have enough negatives" in str(said["negatives_trial"]["in_short"])
    assert said["hard_negatives"]["settings"]["range_min"] == 2


def _refuse(*given: Any) -> None:
    raise AssertionError("nothing is to be trained")
