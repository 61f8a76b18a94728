"""Clocks jump by years between refreshes, and nothing that is in use is lost or made again."""

import random
from pathlib import Path

import pytest

from hn_assets.encoding.vectors.recorded_versions import prune
from hn_assets.encoding.vectors.vector_cache import VectorCache
from hn_assets_tests.soak.refreshing import (
    RefreshServer,
    new_dataset,
    published,
    store_of,
    undisturbed,
    unfinished,
)
from hn_assets_tests.soak.rounds import run_rounds
from hn_assets_tests.soak.test_full_disk import change_texts

pytestmark = pytest.mark.soak

YEAR = 365 * 86_400.0


def test_a_clock_that_jumps(tmp_path: Path, server: RefreshServer) -> None:
    def jumping_clock(drawn: random.Random, folder: Path) -> None:
        dataset = new_dataset(folder / "jumping")
        for _ in range(drawn.randint(2, 4)):
            server.refresh(dataset, shift=drawn.uniform(-20, 20) * YEAR)
            change_texts(dataset, drawn)
        server.refresh(dataset, shift=drawn.uniform(-20, 20) * YEAR)
        store = store_of(dataset)
        removed = prune(store.vectors, 1, really=True)
        assert removed.vectors, "earlier texts have vectors that are in use no more"
        (space,) = [path for path in store.vectors.iterdir() if (path / "space.json").exists()]
        assert len(VectorCache.of_folder(space)) == 48 + 24, "those in use are all there"
        before = published(dataset)
        server.refresh(dataset, shift=drawn.uniform(-20, 20) * YEAR)
        assert published(dataset) == before
        assert before == undisturbed(folder / "undisturbed", dataset, server)
        assert not unfinished(dataset)

    run_rounds(jumping_clock, tmp_path, rounds=1)
