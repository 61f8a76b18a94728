"""The names that Dagster knows a dataset's parts by do not meet those of another dataset."""

import inspect
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from hn_assets.orchestration.base import names
from hn_assets.orchestration.build import build_definitions
from hn_assets_tests.assets.animals_dataset import AnimalsDataset

NAMED = {
    name: function
    for name, function in inspect.getmembers(names, inspect.isfunction)
    if list(inspect.signature(function).parameters) == ["dataset"]
}


def test_each_part_of_each_dataset_has_a_name_of_its_own() -> None:
    assert len(NAMED) >= 8
    # one dataset can be called as another one with what a name adds
    datasets = ["news", "news_refresh", "news_changes", "other"]
    functions: list[Callable[[str], str]] = list(NAMED.values())
    for function in functions:
        assert len({function(dataset) for dataset in datasets}) == len(datasets)
    for dataset in datasets:
        assert len({function(dataset) for function in functions}) == len(functions)
    ops = [names.op_name(dataset, "embeddings") for dataset in datasets]
    assert len(set(ops)) == len(datasets)


def test_two_datasets_fit_into_one_project(tmp_path: Path) -> None:
    from dataclasses import replace

    one = AnimalsDataset(tmp_path, checks={"max_age_days": 7}).dataset
    both = dg.Definitions.merge(
        build_definitions(one), build_definitions(replace(one, name="other_animals"))
    )
    repository = both.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs()}
    for dataset in ("animals", "other_animals"):
        assert {names.refresh_job(dataset), names.prune_job(dataset)} <= jobs
    assert len(repository.schedule_defs) == 4
    assert len(repository.sensor_defs) == 2 * 2
