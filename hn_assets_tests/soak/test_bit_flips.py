"""One bit of a random file of a finished dataset is flipped: it is noticed, and nothing is spoiled.

The next refresh makes again what is damaged, and its files are those of before to the last byte.
"""

import logging
import random
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hn_assets.encoding.vectors.recorded_versions import prune
from hn_assets.encoding.vectors.vector_cache import VectorCache
from hn_assets.errors import StoreError
from hn_assets.store.layout import VECTOR_CACHE, stage_names
from hn_assets.store.manifest import is_version
from hn_assets_tests.soak.refreshing import (
    OF_THE_PAST,
    new_dataset,
    published,
    refresh,
    store_of,
    unfinished,
)
from hn_assets_tests.soak.rounds import run_rounds

pytestmark = pytest.mark.soak


def test_a_flipped_bit(tmp_path: Path, model: Path) -> None:
    dataset, pristine = new_dataset(tmp_path / "dataset"), tmp_path / "pristine"
    for _ in range(2):  # checks of the second compare with the training set of the first
        refresh(dataset, model)
    expected, kinds = published(dataset), files_by_kind(dataset)
    shutil.copytree(dataset, pristine, symlinks=True)

    def flipped_bit(drawn: random.Random, folder: Path) -> None:
        name = drawn.choice(kinds[drawn.choice(sorted(kinds))])
        path = dataset / name
        content = bytearray(path.read_bytes())
        content[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
        path.write_bytes(content)
        try:
            with noticed(dataset, name):
                refresh(dataset, model)
            assert not is_read(path, dataset) or path.read_bytes() != content, (
                f"{name} is unnoticed"
            )
            for stage in OF_THE_PAST:
                assert store_of(dataset).stage(stage).verified() is not None
            if is_repeatable(name):
                assert path.read_bytes() == (pristine / name).read_bytes(), name
            assert published(dataset) == expected
            assert not unfinished(dataset)
        finally:
            restore(dataset, pristine)

    run_rounds(flipped_bit, tmp_path, rounds=40)


def files_by_kind(dataset: Path) -> dict[str, list[str]]:
    """The files of a dataset by their folder and suffix, so that each kind is drawn as often."""
    found: dict[str, list[str]] = defaultdict(list)
    made = store_of(dataset).root
    for path in sorted(made.rglob("*")):
        place = path.relative_to(made)
        if path.is_file() and path.stat().st_size and "latest" not in place.parts:
            kind = path.name if path.suffix == ".json" else f"{place.parts[1]}{path.suffix}"
            found[kind].append(str(path.relative_to(dataset)))
    return found


def is_repeatable(name: str) -> bool:
    """Whether a file is the same whenever it is made; metadata hold durations."""
    of_the_past = any(f"/{stage}/" in name for stage in OF_THE_PAST)
    return VECTOR_CACHE not in name and not name.endswith("metadata.json") and not of_the_past


def is_read(path: Path, dataset: Path) -> bool:
    """Whether a file is there and is not of an earlier version, which nobody reads."""
    store = store_of(dataset)
    stage = store.stage(path.relative_to(store.root).parts[1])
    if stage.folder.name == VECTOR_CACHE:
        return path.exists()
    version = path.relative_to(stage.folder).parts[0]
    return path.exists() and (not is_version(version) or version == stage.require().version)


@contextmanager
def noticed(dataset: Path, name: str) -> Iterator[None]:
    """Check that what looks at the damaged file notices the damage, beside a refresh."""
    store = store_of(dataset)
    if VECTOR_CACHE in name:
        if "recorded_versions" in name:
            with pytest.raises(StoreError, match="is damaged"):
                prune(store.vectors, 1, really=True)
        elif name.endswith("speed.json"):
            space = (dataset / name).parent
            assert VectorCache.of_folder(space).seconds_per_text == 0
            (dataset / name).unlink()  # it is written again when a text is encoded again
        # a refresh looks at stored vectors when it makes a stage of vectors
        for stage in ("corpus_embeddings", "query_embeddings"):
            (store.stage(stage).folder / "metadata.json").unlink()
    logging.getLogger("hn_assets").setLevel(logging.ERROR)
    yield


def restore(dataset: Path, pristine: Path) -> None:
    """Put everything back that another round could stumble over."""
    for stage in (*stage_names(), VECTOR_CACHE):
        ours, theirs = store_of(dataset), store_of(pristine)
        folder = ours.root / ours.dataset / stage
        shutil.rmtree(folder, ignore_errors=True)
        if (theirs.root / theirs.dataset / stage).exists():
            shutil.copytree(theirs.root / theirs.dataset / stage, folder, symlinks=True)
