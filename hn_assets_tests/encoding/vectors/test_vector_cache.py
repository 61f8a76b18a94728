"""The cache gives back what was put in; what a killed run had begun is removed."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.encoding.vectors.vector_cache import VectorCache, text_key

SPACE = {"weights": "sha256:1"}


def test_what_a_killed_run_had_begun_is_removed(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, SPACE)
    stray = cache.folder / ".writing-999999999-abc"
    stray.write_text("half")
    VectorCache(tmp_path, SPACE)
    assert not stray.exists()


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


def two_shards(folder: Path) -> VectorCache:
    cache = VectorCache(folder, SPACE)
    for text in ("a", "bb"):
        cache.add([text_key(text)], np.full((1, 3), len(text), np.float32))
    return cache


@given(st.data())
def test_whatever_happens_to_a_shard_it_is_noticed_and_the_others_stay(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    cache = two_shards(folder)
    shard = data.draw(st.sampled_from(sorted(cache.folder.glob("*.arrow"))))
    content = bytearray(shard.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        content[at:] = data.draw(st.binary(max_size=20))
    unchanged = bytes(content) == shard.read_bytes()
    shard.write_bytes(content)
    again = VectorCache(folder, SPACE)
    assert again.damaged == ([] if unchanged else [shard])
    assert len(again) == (2 if unchanged else 1)
    for text in ("a", "bb"):
        row = again.find([text_key(text)])
        if row[0] >= 0:
            assert again.take(row).tolist() == [[len(text)] * 3]


@pytest.mark.parametrize("kind", ["bytes", "columns"])
def test_a_shard_that_was_never_vectors_of_this_space_is_damaged(tmp_path: Path, kind: str) -> None:
    cache = two_shards(tmp_path)
    if kind == "bytes":
        content = b"not Arrow"
    else:
        sink = pa.BufferOutputStream()
        batch = pa.record_batch({"key": [1], "vector": ["x"]})
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        content = sink.getvalue().to_pybytes()
    name = hashlib.sha256(content).hexdigest()
    (cache.folder / f"{name}.arrow").write_bytes(content)
    again = VectorCache(tmp_path, SPACE)
    assert [path.stem for path in again.damaged] == [name]
    assert len(again) == 2


@pytest.mark.parametrize(
    "content", [b"\xff", b"[]", b"7", b'{"seconds_per_text": []}', b"{}", None]
)
def test_a_speed_that_cannot_be_read_is_not_known(tmp_path: Path, content: bytes | None) -> None:
    cache = VectorCache(tmp_path, SPACE)
    assert cache.seconds_per_text == 0
    cache.keep_speed(0.25)
    assert cache.seconds_per_text == 0.25
    path = cache.folder / "speed.json"
    path.write_bytes(path.read_bytes().replace(b"0.25", b"0.65") if content is None else content)
    assert cache.seconds_per_text == 0


def test_vectors_in_float16_take_half_the_room_and_stay_so(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(60, 64)).astype(np.float32)
    keys, sizes = [text_key(str(i)) for i in range(60)], []
    for precision in ("float32", "float16"):
        cache = VectorCache(tmp_path, {**SPACE, "stored": precision}, precision)
        cache.add(keys, vectors)
        sizes.append(sum(path.stat().st_size for path in cache.folder.glob("*.arrow")))
        assert cache.take(cache.find(keys)).dtype == np.float32
    assert sizes[1] < 0.6 * sizes[0]
    pruned = VectorCache.of_folder(cache.folder)
    assert pruned.remove({keys[0]}) == 1
    again = VectorCache(tmp_path, {**SPACE, "stored": "float16"}, "float16")
    rounded = vectors.astype(np.float16).astype(np.float32)
    assert np.array_equal(again.take(again.find(keys[1:])), rounded[1:])
    assert pruned.dtype == np.float16
