"""Nothing is pruned while something adds vectors or scores that it has not recorded yet."""

import threading
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock

from hn_assets.orchestration.build import build_definitions
from hn_assets_tests.assets.animals_dataset import AnimalsDataset


@pytest.mark.parametrize("operation", ["embeddings", "teacher_scores"])
def test_pruning_waits_for_whatever_adds_to_the_cache(tmp_path: Path, operation: str) -> None:
    dataset = AnimalsDataset(tmp_path, teacher={"model": str(tmp_path / "any")}).dataset
    job = build_definitions(dataset).resolve_job_def("animals_prune")
    config = {"ops": {"animals__prune": {"config": {"really": True}}}}
    results: list[bool] = []
    pruning = threading.Thread(
        target=lambda: results.append(job.execute_in_process(run_config=config).success)
    )
    lock = dataset.store.lock(operation)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        pruning.start()
        pruning.join(3)
        assert not results, "it has not waited"
    pruning.join(60)
    assert results == [True]


@pytest.mark.parametrize("field", ["keep", "really"])
def test_pruning_reads_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "1" if field == "keep" else "false")
    job = build_definitions(AnimalsDataset(tmp_path).dataset).resolve_job_def("animals_prune")
    config = {"ops": {"animals__prune": {"config": {field: {"env": "HF_TOKEN"}}}}}
    with pytest.raises(dg.DagsterInvalidConfigError):
        job.execute_in_process(run_config=config)


def test_pruning_keeps_the_last_version_at_least(tmp_path: Path) -> None:
    job = build_definitions(AnimalsDataset(tmp_path).dataset).resolve_job_def("animals_prune")
    config = {"ops": {"animals__prune": {"config": {"keep": 0}}}}
    with pytest.raises(dg.Failure, match="keep is 0"):
        job.execute_in_process(run_config=config)
