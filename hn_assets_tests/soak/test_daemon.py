"""Dagster's daemon is killed at a random moment; a change has one run all the same."""

import random
import shutil
import time
from pathlib import Path

import pytest

from hn_assets.store.layout import VECTOR_CACHE
from hn_assets_tests.assets.animals_dataset import AnimalsDataset
from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.orchestration.jobs.test_week import (
    SETTINGS,
    Production,
    add_yaml,
    change_a_little,
    kill,
)
from hn_assets_tests.servers import postgres_server, production_home
from hn_assets_tests.soak.rounds import run_rounds
from hn_assets_tests.test_component import ROOT, make_project

pytestmark = pytest.mark.soak

NAME = "watched"


def test_the_daemon_is_killed(tmp_path: Path, model: Path) -> None:
    settings = {**SETTINGS, "encoding": {"model": str(model), "pooling": "mean"}}
    project = make_project(tmp_path / "project", "", NAME)
    add_yaml(project, NAME, settings, job={"sensor_enabled": True, "sensor_interval_seconds": 1})
    raw = animals(project / NAME)
    with postgres_server() as postgres:
        home = production_home(tmp_path / "home", postgres)
        made = Production(
            project, {**home, "PYTHONPATH": f"{project}:{ROOT}", "OMP_NUM_THREADS": "1"}
        )
        made.ask()  # creates the tables, which two processes at once cannot

        def killed_daemon(drawn: random.Random, folder: Path) -> None:
            before = made.runs(NAME)
            with made.daemon() as daemon:
                made.wait(120, lambda: made.ask()["cursors"].get(f"{NAME}_changes") is not None)
                change_a_little(raw, len(before) + 1)
                time.sleep(drawn.uniform(0, 15))
                kill(daemon)
            with made.daemon():
                made.wait(240, lambda: len(made.runs(NAME)) > len(before) and made.is_idle(NAME))
            assert [status for status, _ in made.runs(NAME)] == ["SUCCESS"] * (len(before) + 1)
            shutil.copytree(raw, folder / "anew/raw")
            anew = AnimalsDataset(folder / "anew", **settings)
            stored = project / "data" / NAME
            shutil.copytree(stored / VECTOR_CACHE, anew.store.vectors)
            anew.materialize()
            kept = stored / "hard_negatives/latest/hard_negatives.parquet"
            assert kept.read_bytes() == anew.file("hard_negatives", kept.name).read_bytes()

        with made.code_server():
            run_rounds(killed_daemon, tmp_path, rounds=1)
