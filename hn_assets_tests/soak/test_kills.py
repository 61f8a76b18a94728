"""A process is killed at a random moment; the next refresh leaves what an undisturbed one does."""

import random
import time
from pathlib import Path

import pytest

from hn_assets_tests.soak.refreshing import (
    RefreshServer,
    children,
    kill,
    new_dataset,
    published,
    undisturbed,
    unfinished,
)
from hn_assets_tests.soak.rounds import run_rounds

pytestmark = pytest.mark.soak


def test_a_run_is_killed(tmp_path: Path, server: RefreshServer) -> None:
    duration = server.refresh(new_dataset(tmp_path / "timed"))

    def killed_run(drawn: random.Random, folder: Path) -> None:
        dataset = new_dataset(folder / "killed")
        for _ in range(drawn.randint(1, 3)):
            pid = server.start(dataset)
            time.sleep(duration * drawn.uniform(0, 1))
            kill(pid)
            server.wait(pid)
        server.refresh(dataset)
        assert published(dataset) == undisturbed(folder / "undisturbed", dataset, server)
        assert not unfinished(dataset)

    run_rounds(killed_run, tmp_path, rounds=5)


def test_a_worker_is_killed(tmp_path: Path, server: RefreshServer) -> None:
    duration = server.refresh(new_dataset(tmp_path / "timed"), devices=2)

    def killed_worker(drawn: random.Random, folder: Path) -> None:
        dataset = new_dataset(folder / "killed")
        pid = server.start(dataset, devices=2)
        time.sleep(duration * drawn.uniform(0, 1))
        if started := children(pid):
            kill(drawn.choice(started))
        code, error = server.wait(pid)
        assert code == 0 or "WorkerError" in error, error
        server.refresh(dataset, devices=2)
        assert published(dataset) == undisturbed(folder / "undisturbed", dataset, server)
        assert not unfinished(dataset)

    run_rounds(killed_worker, tmp_path, rounds=1)
