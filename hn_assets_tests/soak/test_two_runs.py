"""Two refreshes of one dataset at once leave what one of them would."""

import random
import time
from pathlib import Path

import pytest

from hn_assets_tests.soak.refreshing import (
    RefreshServer,
    kill,
    new_dataset,
    published,
    undisturbed,
    unfinished,
)
from hn_assets_tests.soak.rounds import run_rounds

pytestmark = pytest.mark.soak


def test_two_runs_at_once(tmp_path: Path, server: RefreshServer) -> None:
    duration = server.refresh(new_dataset(tmp_path / "timed"))

    def two_runs(drawn: random.Random, folder: Path) -> None:
        dataset = new_dataset(folder / "both")
        first = server.start(dataset)
        time.sleep(duration * drawn.choice([0, drawn.uniform(0, 1)]))
        second = server.start(dataset)
        killed = None
        if drawn.random() < 0.3:
            time.sleep(duration * drawn.uniform(0, 1))
            killed = first
            kill(first)
        for pid in (first, second):
            code, error = server.wait(pid)
            assert code == 0 or pid == killed, error
        assert published(dataset) == undisturbed(folder / "alone", dataset, server)
        server.refresh(dataset)
        assert published(dataset) == published(folder / "alone")
        assert not unfinished(dataset)

    run_rounds(two_runs, tmp_path, rounds=4)
