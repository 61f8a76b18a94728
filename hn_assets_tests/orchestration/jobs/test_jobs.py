"""What starts a dataset's runs, and in which way they run."""

import json
import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from hn_assets.errors import HubError
from hn_assets.orchestration.base.names import REASON_TAG
from hn_assets.orchestration.build import build_definitions
from hn_assets_tests.assets.animals_dataset import STAGES, AnimalsDataset
from hn_assets_tests.assets.test_refresh import make_dataset
from hn_assets_tests.fake_hub import fake_hub
from hn_assets_tests.small_models import make_tiny_bert


def repository(graph: AnimalsDataset) -> dg.RepositoryDefinition:
    return build_definitions(graph.dataset).get_repository_def()


class Watcher:
    """Looks as the daemon does, with the cursor of the last look."""

    def __init__(self, graph: AnimalsDataset, name: str = "animals_changes") -> None:
        self.repository = repository(graph)
        self.sensor = self.repository.get_sensor_def(name)
        self.cursor: str | None = None

    def look(self) -> Any:
        context = dg.build_sensor_context(cursor=self.cursor, repository_def=self.repository)
        found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor or self.cursor
        if found.run_requests:
            (request,) = found.run_requests
            return request
        return found.skip_message or ""


def touch(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def test_a_changed_source_starts_one_run_once_it_has_come_to_rest(
    tmp_path: Path, model: Path
) -> None:
    watcher = Watcher(make_dataset(tmp_path, model))
    assert "watched from now on" in watcher.look()
    assert watcher.look() == "nothing has changed"
    touch(tmp_path / "raw" / "corpus.jsonl")
    assert "the source changed: a run starts when it has come to rest" in watcher.look()
    touch(tmp_path / "raw" / "queries.jsonl")  # still being copied
    assert "come to rest" in watcher.look()
    request = watcher.look()
    assert watcher.sensor.job_name == "animals_refresh"
    assert request.tags[REASON_TAG] == "the source changed"
    assert watcher.look() == "nothing has changed"


def test_what_changes_and_goes_back_is_another_run(tmp_path: Path, model: Path) -> None:
    watcher = Watcher(make_dataset(tmp_path, model))
    path = tmp_path / "raw" / "corpus.jsonl"
    found = path.stat()
    watcher.look()
    keys = []
    for moment in (1, found.st_mtime_ns, 1):
        os.utime(path, ns=(moment, moment))
        watcher.look()
        keys.append(watcher.look().run_key)
    assert len(set(keys)) == 3  # Dagster starts one run for each key


def test_a_new_checkpoint_starts_a_run(tmp_path: Path) -> None:
    make_tiny_bert(tmp_path / "run" / "checkpoint-1")
    graph = AnimalsDataset(
        tmp_path, encoding={"model": str(tmp_path / "run" / "checkpoint-*"), "pooling": "mean"}
    )
    watcher = Watcher(graph)
    watcher.look()
    make_tiny_bert(tmp_path / "run" / "checkpoint-2", seed=1)
    watcher.look()
    assert watcher.look().tags[REASON_TAG] == "the model changed"


def test_another_teacher_starts_a_run(tmp_path: Path, model: Path) -> None:
    watcher = Watcher(make_dataset(tmp_path, model))
    watcher.look()
    with_teacher = {"model": str(make_tiny_bert(tmp_path / "teacher"))}
    cursor = watcher.cursor
    watcher = Watcher(make_dataset(tmp_path, model, teacher=with_teacher))
    watcher.cursor = cursor
    assert watcher.look() == "nothing has changed", "what is new in the YAML file is no change"
    touch(tmp_path / "teacher" / "model.safetensors")
    assert watcher.look() == "the teacher changed: a run starts when it has come to rest"
    assert watcher.look().tags[REASON_TAG] == "the teacher changed"
    assert watcher.look() == "nothing has changed"
    (tmp_path / "teacher" / "config.json").unlink()
    assert "teacher.model takes the folder" in watcher.look()


def test_a_new_commit_of_a_teacher_of_the_hub_starts_a_run(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_hub(tmp_path / "cache", monkeypatch) as hub:
        hub.commit("me/teacher", {"config.json": b"{}"})
        watcher = Watcher(make_dataset(tmp_path, model, teacher={"model": "me/teacher"}))
        watcher.look()
        hub.commit("me/teacher", {"config.json": b"{ }"})
        watcher.look()
        assert watcher.look().tags[REASON_TAG] == "the teacher changed"


def test_a_model_that_is_not_there_starts_nothing_and_is_said(tmp_path: Path) -> None:
    graph = AnimalsDataset(
        tmp_path, encoding={"model": str(tmp_path / "nowhere"), "pooling": "mean"}
    )
    assert "nowhere is not there" in Watcher(graph).look()


def test_sensor_schedule_and_tags_are_those_of_the_settings(tmp_path: Path, model: Path) -> None:
    config = '{"container_config": {"resources": {"limits": {"nvidia.com/gpu": 1}}}}'
    job = {
        "cron": "*/5 * * * *",
        "timezone": "Europe/Berlin",
        "schedule_enabled": True,
        "sensor_enabled": True,
        "sensor_interval_seconds": 7,
        "tags": {"dagster-k8s/config": config},
    }
    found = repository(make_dataset(tmp_path, model, job=job))
    schedule = found.get_schedule_def("animals_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("*/5 * * * *", "Europe/Berlin")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    sensor = found.get_sensor_def("animals_changes")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 7
    tags = found.get_job("animals_refresh").tags
    assert json.loads(tags["dagster-k8s/config"]) == json.loads(config)
    quiet = repository(make_dataset(tmp_path, model))
    assert quiet.get_sensor_def("animals_changes").default_status.value == "STOPPED"
    assert quiet.get_schedule_def("animals_schedule").default_status.value == "STOPPED"


def test_the_job_runs_in_one_process_or_as_the_project_does(tmp_path: Path, model: Path) -> None:
    def executor(**job: Any) -> str:
        return (
            repository(make_dataset(tmp_path, model, job=job))
            .get_job("animals_refresh")
            .executor_def.name
        )

    assert executor() == "in_process"
    assert executor(in_process=False) != "in_process"


def test_encoding_and_search_take_the_pool_of_the_gpu(tmp_path: Path, model: Path) -> None:
    job = repository(make_dataset(tmp_path, model)).get_job("animals_refresh")
    pools = {node.name: node.definition.pools for node in job.nodes}  # type: ignore[attr-defined]
    assert pools["animals__embeddings"] == pools["animals__candidates"] == {"gpu"}
    assert pools["animals__training_set"] == set()


def test_automation_starts_with_the_source_and_follows_the_data(
    tmp_path: Path, model: Path
) -> None:
    import datetime

    graph = make_dataset(
        tmp_path, model, job={"automation_conditions": True, "cron": "0 3 * * *", "retries": 0}
    )
    defs = build_definitions(graph.dataset)
    instance = dg.DagsterInstance.ephemeral()
    before = datetime.datetime(2026, 1, 5, 2, 59)

    def evaluate(hours: float, cursor: Any = None) -> Any:
        return dg.evaluate_automation_conditions(
            defs,
            instance,
            cursor=cursor,
            evaluation_time=before + datetime.timedelta(hours=hours),
        )

    def requested(found: Any) -> set[str]:
        return {s for s in STAGES if found.get_num_requested(graph.key(s))}

    first = evaluate(0)
    assert not requested(first)  # it is not three o'clock yet
    second = evaluate(0.1, first.cursor)
    assert {"corpus", "queries", "qrels"} <= requested(second)
    manual = build_definitions(make_dataset(tmp_path, model).dataset)
    none = dg.evaluate_automation_conditions(manual, instance, evaluation_time=before)
    assert none.total_requested == 0


def test_the_age_of_a_training_set_is_looked_at_daily_if_it_has_a_limit(
    tmp_path: Path, model: Path
) -> None:
    limited = repository(make_dataset(tmp_path, model, checks={"max_age_days": 7}))
    daily = limited.get_schedule_def("animals_freshness_schedule")
    assert (daily.job_name, daily.default_status.value) == ("animals_freshness", "RUNNING")
    names = {job.name for job in repository(make_dataset(tmp_path, model)).get_all_jobs()}
    assert "animals_freshness" not in names


def test_a_hub_that_cannot_be_reached_fails_the_tick_and_forgets_nothing(
    tmp_path: Path, model: Path
) -> None:
    watcher = Watcher(make_dataset(tmp_path, model))
    watcher.look()
    hub = {"type": "hub", "dataset": "BeIR/nowhere"}  # the tests are offline
    away = Watcher(make_dataset(tmp_path, model, source=hub))
    away.cursor = before = watcher.cursor
    with pytest.raises(HubError):
        away.look()
    assert away.cursor == before
