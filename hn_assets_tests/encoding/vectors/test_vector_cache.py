"""The cache gives back what was put in; what a killed run had begun is removed."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.encoding.vectors.vector_cache import VectorCache, text_key

SPACE = {"weights": "sha256:1"}


def test_what_a_killed_run_had_begun_is_removed(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, SPACE)
    stray = cache.folder / ".writing-999999999-abc"
    stray.write_text("half")
    VectorCache(tmp_path, SPACE)
    assert not stray.exists()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), min_size=1), min_size=1, max_size=5))
def test_the_cache_gives_back_what_was_put_in(tmp_path_factory, shards: list) -> None:
    folder = tmp_path_factory.mktemp("cache")
    cache, stored = VectorCache(folder, SPACE), {}
    for numbers in shards:
        new = sorted({number for number in numbers if number not in stored})
        if new:
            vectors = np.array([[number, number + 0.5] for number in new], np.float32)
            cache.add([text_key(str(number)) for number in new], vectors)
            stored.update(zip(new, vectors, strict=True))
    for again in (cache, VectorCache(folder, SPACE)):
        rows = again.find([text_key(str(number)) for number in range(31)])
        assert [number for number in range(31) if rows[number] >= 0] == sorted(stored)
        assert np.array_equal(again.take(rows[rows >= 0]), [stored[n] for n in sorted(stored)])
