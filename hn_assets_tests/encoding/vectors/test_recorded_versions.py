"""Vectors that no recorded version used are removed, and it can be said before which."""

from pathlib import Path

import numpy as np
import pytest

from hn_assets.encoding.vectors.recorded_versions import prune, record_version
from hn_assets.encoding.vectors.vector_cache import VectorCache, text_key


def keys(*texts: str) -> list[bytes]:
    return [text_key(text) for text in texts]


def use(folder: Path, model: str, version: str, *texts: str) -> VectorCache:
    cache = VectorCache(folder, {"weights": model})
    new = [text for text in texts if cache.find(keys(text))[0] < 0]
    if new:
        cache.add(keys(*new), np.array([[len(text), 1] for text in new], np.float32))
    record_version(folder, cache.folder.name, "corpus_embeddings", version, keys(*texts))
    return VectorCache(folder, {"weights": model})


def left(folder: Path, model: str, *texts: str) -> list[str]:
    cache = VectorCache(folder, {"weights": model})
    rows = cache.find(keys(*texts))
    return [text for text, row in zip(texts, rows, strict=True) if row >= 0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    use(tmp_path, "old", "v1", "a", "bb")
    use(tmp_path, "new", "v2", "a", "bb")
    use(tmp_path, "new", "v3", "bb", "ccc")
    return tmp_path


def test_nothing_is_removed_until_it_is_meant(folder: Path) -> None:
    report = prune(folder, 1, really=False)
    assert sum(report.vectors.values()) == 3, "two of the old model, and a of the new"
    assert report.kept == 2
    assert report.versions == ["corpus_embeddings/" + name for name in _names(folder)[:2][::-1]]
    assert left(folder, "old", "a", "bb") == ["a", "bb"]
    assert prune(folder, 1, really=False) == report


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "recorded_versions/corpus_embeddings").iterdir())


def test_what_no_kept_version_used_is_removed(folder: Path) -> None:
    said = prune(folder, 1, really=False)
    assert prune(folder, 1, really=True) == said
    assert left(folder, "new", "a", "bb", "ccc") == ["bb", "ccc"]
    cache = VectorCache(folder, {"weights": "new"})
    assert cache.take(cache.find(keys("ccc", "bb"))).tolist() == [[3, 1], [2, 1]]
    assert len(_names(folder)) == 1
    assert prune(folder, 1, really=True).vectors == {}
    assert not len(VectorCache(folder, {"weights": "old"}))


def test_versions_that_are_kept_keep_their_vectors(folder: Path) -> None:
    report = prune(folder, 2, really=True)
    assert sum(report.vectors.values()) == 2
    assert left(folder, "new", "a", "bb", "ccc") == ["a", "bb", "ccc"]
    assert prune(folder, 3, really=True).vectors == {}


def test_going_back_makes_an_old_version_the_newest(folder: Path) -> None:
    use(folder, "old", "v1", "a", "bb")
    prune(folder, 1, really=True)
    assert left(folder, "old", "a", "bb") == ["a", "bb"]
    assert not left(folder, "new", "a", "bb", "ccc")
