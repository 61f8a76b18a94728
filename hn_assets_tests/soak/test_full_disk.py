"""The disk is full at a random moment: one clear error, the old files are whole, and it goes on."""

import json
import random
from pathlib import Path

import pytest

from hn_assets_tests.collections_on_disk import write_jsonl
from hn_assets_tests.soak.refreshing import (
    RAW,
    RefreshServer,
    new_dataset,
    published,
    undisturbed,
    unfinished,
)
from hn_assets_tests.soak.rounds import run_rounds

pytestmark = pytest.mark.soak


def change_texts(dataset: Path, drawn: random.Random) -> None:
    """Give a few documents other texts."""
    path = dataset / RAW / "corpus.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in drawn.sample(rows, 3):
        row["text"] += f" It was seen {drawn.randint(2, 999)} times."
    write_jsonl(path, rows)


def test_a_full_disk(tmp_path: Path, server: RefreshServer) -> None:
    def full_disk(drawn: random.Random, folder: Path) -> None:
        dataset = new_dataset(folder / "full")
        server.refresh(dataset)
        change_texts(dataset, drawn)
        # a limit on file size stands in for a full disk: a write itself fails, as it would there
        code, error = server.wait(server.start(dataset, limit=int(10 ** drawn.uniform(0.5, 5))))
        assert code == 0 or "StoreError" in error.splitlines()[-1], error
        assert published(dataset), "every file is whole"
        server.refresh(dataset)
        assert published(dataset) == undisturbed(folder / "undisturbed", dataset, server)
        assert not unfinished(dataset)

    run_rounds(full_disk, tmp_path, rounds=3)
