"""Each run that failed, or went through with failed checks, is told once, and in order."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from hn_assets.alerts import delivery
from hn_assets.alerts.alert import Alert
from hn_assets.orchestration.build import build_definitions
from hn_assets.orchestration.jobs import alert_sensor
from hn_assets_tests.alerts.webhook_server import SECRET, webhook
from hn_assets_tests.assets.animals_dataset import AnimalsDataset
from hn_assets_tests.assets.test_refresh import make_dataset
from hn_assets_tests.orchestration.jobs.alert_daemon import Daemon, break_the_corpus

told: list[Alert] = []


def remember(alert: Alert) -> None:
    told.append(alert)


HOOK = {"hook": f"{__name__}:remember", "ui": "https://dagster.example.org/"}


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    told.clear()
    monkeypatch.setattr(delivery, "FIRST_WAIT", 0)
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield instance


def two_datasets(folder: Path, model: Path, **changes: Any) -> list[AnimalsDataset]:
    graphs = [make_dataset(folder / name, model, **changes) for name in ("animals", "plants")]
    graphs[1].dataset = replace(graphs[1].dataset, name="plants")
    return graphs


def test_two_datasets_that_fail_at_once_before_one_succeeds_are_told_of_once(
    tmp_path: Path, model: Path, instance: dg.DagsterInstance
) -> None:
    graphs = two_datasets(tmp_path, model, alerts=HOOK)
    daemon = Daemon(instance, *graphs)
    good, _ = (break_the_corpus(graph) for graph in graphs)
    for name in ("animals", "plants"):
        assert not daemon.run(name).success
    before = dict(daemon.cursors)
    for _ in range(3):
        daemon.tick()
    assert [(alert.dataset, alert.kind) for alert in told] == [
        ("animals", "failed run"),
        ("plants", "failed run"),
    ]
    assert daemon.cursors != before
    (graphs[0].folder / "raw" / "corpus.jsonl").write_bytes(good)
    assert daemon.run("animals").success
    for _ in range(3):
        daemon.tick()
    assert len(told) == 2


def test_a_run_that_warns_before_one_that_does_not_is_told_once(
    tmp_path: Path, model: Path, instance: dg.DagsterInstance
) -> None:
    days = {"max_age_days": 7}
    graph = make_dataset(tmp_path / "raw_data", model, alerts=HOOK, checks=days)
    daemon = Daemon(instance, graph)
    assert daemon.run("animals", "freshness").success  # warns: there is no training set
    assert daemon.run("animals").success
    assert daemon.run("animals", "freshness").success
    for _ in range(3):
        daemon.tick()
    (found,) = told
    assert found.kind == "failed checks"
    assert found.lines[0].startswith("animals/training_set, is_fresh: there has been no")


def test_what_a_webhook_does_not_take_is_kept_until_it_does(
    tmp_path: Path, model: Path, instance: dg.DagsterInstance
) -> None:
    with webhook(*[503] * 8) as hook:
        graph = make_dataset(tmp_path / "raw_data", model, alerts={**HOOK, "webhook": hook.url})
        daemon = Daemon(instance, graph)
        break_the_corpus(graph)
        runs = [daemon.run("animals").run_id for _ in range(2)]
        said = daemon.tick()
        hook.answers.clear()
        for _ in range(3):
            said += daemon.tick()
    assert [body["run_id"] for body in hook.taken] == runs
    assert [alert.run_id for alert in told] == runs, "the hook is not called again"
    assert SECRET not in "".join([*said, *(cursor or "" for cursor in daemon.cursors.values())])


def tell(instance: dg.DagsterInstance, graph: AnimalsDataset, job: str = "refresh") -> list[Alert]:
    """What is told after one run."""
    told.clear()
    daemon = Daemon(instance, graph)
    daemon.run("animals", job)
    daemon.tick()
    return list(told)


def test_a_failed_run_is_told_with_its_reason(
    tmp_path: Path, model: Path, instance: dg.DagsterInstance
) -> None:
    graph = make_dataset(tmp_path / "raw_data", model, alerts=HOOK)
    break_the_corpus(graph)
    (found,) = tell(instance, graph)
    assert (found.dataset, found.kind) == ("animals", "failed run")
    (line,) = found.lines
    assert "animals__source" in line
    assert "corpus.jsonl:1: not JSON" in line
    assert found.link == f"https://dagster.example.org/runs/{found.run_id}"


def test_a_reason_that_speaks_of_blocking_is_told(
    tmp_path: Path, model: Path, instance: dg.DagsterInstance
) -> None:
    graph = make_dataset(tmp_path / "adblocking", model, alerts=HOOK)
    break_the_corpus(graph)
    (found,) = tell(instance, graph)
    assert "corpus.jsonl:1: not JSON" in found.lines[0]
    assert "/adblocking/raw" in found.lines[0]


def test_a_check_that_stopped_a_run_is_told_with_what_to_do(
    tmp_path: Path, model: Path, instance: dg.DagsterInstance
) -> None:
    strict = {"checks": {"min_recall": 1}, "search": {"depth": 20}}
    (found,) = tell(instance, make_dataset(tmp_path / "raw_data", model, alerts=HOOK, **strict))
    (line,) = found.lines
    assert line.startswith("animals/candidates, positives_are_found: ")
    assert "lower checks.min_recall" in line


def test_a_check_that_only_warns_is_told_after_the_run(
    tmp_path: Path, model: Path, instance: dg.DagsterInstance
) -> None:
    # a target that no threshold is estimated to meet
    strict = {
        "filters": {"target_false_negative_rate": 1e-6},
        "checks": {"min_full_query_share": 0.0},
    }
    graph = make_dataset(tmp_path / "raw_data", model, alerts=HOOK, **strict)
    (found,) = tell(instance, graph)
    assert found.kind == "failed checks"
    assert found.lines[0].startswith("animals/false_negative_audit, false_negative_rate: nothing")


def test_a_training_set_that_nobody_refreshes_is_told(
    tmp_path: Path, model: Path, instance: dg.DagsterInstance
) -> None:
    graph = make_dataset(tmp_path / "raw_data", model, alerts=HOOK, checks={"max_age_days": 1e-5})
    assert Daemon(instance, graph).run("animals").success
    time.sleep(1)  # longer than a hundred-thousandth of a day
    (found,) = tell(instance, graph, "freshness")
    assert found.kind == "failed checks"
    assert found.lines[0].startswith("animals/training_set, is_fresh: the last refresh was 0.0")


def test_what_failed_before_the_first_tick_or_is_of_others_is_not_told(
    tmp_path: Path, model: Path, instance: dg.DagsterInstance
) -> None:
    graph = make_dataset(tmp_path / "raw_data", model, alerts=HOOK)

    @dg.op
    def fail() -> None:
        raise ValueError("not ours")

    @dg.job
    def theirs() -> None:
        fail()

    good = break_the_corpus(graph)
    repository = build_definitions(graph.dataset).get_repository_def()
    job = repository.get_job("animals_refresh")
    job.execute_in_process(instance=instance, raise_on_error=False)
    daemon = Daemon(instance, graph)
    theirs.execute_in_process(instance=instance, raise_on_error=False)
    assert daemon.tick() == ["there is nothing to tell"]
    (graph.folder / "raw" / "corpus.jsonl").write_bytes(good)
    assert told == []


def test_more_runs_than_a_tick_looks_at_are_told_in_order(
    tmp_path: Path, model: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_sensor, "MAX_RUNS", 1)
    graphs = two_datasets(tmp_path, model, alerts=HOOK, checks={"max_age_days": 7})
    daemon = Daemon(instance, *graphs)
    for graph in graphs:
        break_the_corpus(graph)
    runs = [
        daemon.run(name, job).run_id
        for job in ("refresh", "freshness", "freshness")
        for name in ("animals", "plants")
    ]
    for _ in range(6):
        daemon.tick()
    for name, first in (("animals", 0), ("plants", 1)):
        assert [alert.run_id for alert in told if alert.dataset == name] == runs[first::2]
