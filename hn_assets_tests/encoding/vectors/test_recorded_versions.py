"""Vectors that no recorded version used are removed, and it can be said before which."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.encoding.vectors.recorded_versions import prune, record_version
from hn_assets.encoding.vectors.vector_cache import VectorCache, text_key
from hn_assets.errors import StoreError
from hn_assets_tests.peak_memory import peak_memory

V1, V2, V3 = ("1" * 16, "2" * 16, "3" * 16)


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
    use(tmp_path, "old", V1, "a", "bb")
    use(tmp_path, "new", V2, "a", "bb")
    use(tmp_path, "new", V3, "bb", "ccc")
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
    use(folder, "old", V1, "a", "bb")
    prune(folder, 1, really=True)
    assert left(folder, "old", "a", "bb") == ["a", "bb"]
    assert not left(folder, "new", "a", "bb", "ccc")


def test_a_clock_that_was_set_back_loses_no_vectors_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for now, version, texts in ((9_000, V1, "a"), (5, V2, "bb"), (5, V3, "ccc")):
        monkeypatch.setattr("time.time_ns", lambda now=now: now * 10**9)
        use(tmp_path, "new", version, texts)
    report = prune(tmp_path, 1, really=True)
    assert [name.split("-")[1] for name in report.versions] == [V2, V1]
    assert left(tmp_path, "new", "a", "bb", "ccc") == ["ccc"]


def test_a_file_of_another_name_is_no_recorded_version(folder: Path) -> None:
    stage = folder / "recorded_versions/corpus_embeddings"
    (newest,) = stage.glob(f"*-{V3}*")
    for name in ("zzz.parquet", f"copy of {newest.name}", f"99-{V1}.parquet", f"{newest.name}.bak"):
        (stage / name).write_bytes(b"of somebody else")
    prune(folder, 1, really=True)
    assert left(folder, "new", "a", "bb", "ccc") == ["bb", "ccc"]
    assert len(list(stage.iterdir())) == 5
    use(folder, "new", V1, "dddd")
    prune(folder, 1, really=True)
    assert left(folder, "new", "bb", "ccc", "dddd") == ["dddd"]


def test_a_number_beyond_all_clocks_is_still_the_last_but_one(folder: Path) -> None:
    stage = folder / "recorded_versions/corpus_embeddings"
    (newest,) = stage.glob(f"*-{V3}*")
    newest.rename(stage / newest.name.replace(newest.name[:20], "9" * 20))
    use(folder, "new", V1, "dddd")
    prune(folder, 1, really=True)
    assert left(folder, "new", "bb", "ccc", "dddd") == ["dddd"]


def test_a_record_of_an_earlier_version_of_the_format_is_read(folder: Path) -> None:
    stage = folder / "recorded_versions/corpus_embeddings"
    for path in stage.iterdir():
        path.rename(stage / f"{path.name[:37]}.parquet")  # without a checksum
    prune(folder, 1, really=True)
    assert left(folder, "new", "a", "bb", "ccc") == ["bb", "ccc"]


def test_a_damaged_record_stops_pruning_before_anything_is_removed(folder: Path) -> None:
    stage = folder / "recorded_versions/corpus_embeddings"
    (newest,) = stage.glob(f"*-{V3}*")
    for content in (b"", b"not Parquet", newest.read_bytes()[:-1], newest.read_bytes() + b"x"):
        newest.write_bytes(content)
        with pytest.raises(StoreError, match=f"{newest.name} is damaged.*delete it"):
            prune(folder, 1, really=True)
    assert left(folder, "new", "a", "bb", "ccc") == ["a", "bb", "ccc"]
    newest.unlink()
    prune(folder, 1, really=True)
    assert left(folder, "new", "a", "bb", "ccc") == ["a", "bb"]


def test_a_record_of_another_shape_is_damaged(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stage = folder / "recorded_versions/corpus_embeddings"
    (newest,) = stage.glob(f"*-{V3}*")
    path = stage / f"{newest.name[:37]}.parquet"
    newest.unlink()
    key = pa.array([b"x" * 16], pa.binary(16))
    for table in (
        pa.table({"key": key}),
        pa.table({"key": [1]}).replace_schema_metadata({"space": "0" * 16}),
        pa.table({"other": key}).replace_schema_metadata({"space": "0" * 16}),
        pa.table({"key": key}).replace_schema_metadata({"space": "../.."}),
    ):
        pq.write_table(table, path)
        with pytest.raises(StoreError, match=f"{path.name} is damaged"):
            prune(folder, 1, really=True)


def test_the_description_of_a_space_is_not_needed_and_is_mended(folder: Path) -> None:
    for path in folder.glob("*/space.json"):
        path.write_bytes(b"\xff")
    prune(folder, 1, really=True)
    assert left(folder, "new", "a", "bb", "ccc") == ["bb", "ccc"]
    (described,) = folder.glob("*/space.json")
    assert described.read_text() == '{\n "weights": "new"\n}'


def test_folders_of_other_names_are_left_alone(folder: Path) -> None:
    (folder / "backup").mkdir()
    (folder / "backup/space.json").write_text("{}")
    prune(folder, 1, really=True)
    assert (folder / "backup/space.json").read_text() == "{}"


@given(st.data())
def test_whatever_happened_to_a_record_pruning_is_right_or_says_so(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("records")
    use(folder, "new", V1, "a", "bb")
    use(folder, "new", V2, "bb", "ccc")
    (newest,) = (folder / "recorded_versions/corpus_embeddings").glob(f"*-{V2}*")
    content = bytearray(newest.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        content[at:] = data.draw(st.binary(max_size=20))
    newest.write_bytes(content)
    try:
        prune(folder, 1, really=True)
    except StoreError as error:
        assert newest.name in str(error)
        assert left(folder, "new", "a", "bb", "ccc") == ["a", "bb", "ccc"]
    else:
        assert left(folder, "new", "a", "bb", "ccc") == ["bb", "ccc"]


def test_pruning_keeps_no_key_as_an_object_of_python(tmp_path: Path) -> None:
    count = 40_000
    random = np.random.default_rng(0)
    found = [random.bytes(16) for _ in range(count)]
    cache = VectorCache(tmp_path, {"weights": "w"})
    for start in range(0, count, 10_000):
        cache.add(found[start : start + 10_000], np.ones((10_000, 1), np.float32))
    record_version(tmp_path, cache.folder.name, "corpus_embeddings", V1, found[::2])
    with peak_memory() as peak:
        report = prune(tmp_path, 1, really=True)
    assert (report.kept, sum(report.vectors.values())) == (count // 2, count // 2)
    assert peak.bytes < 150 * count
    again = VectorCache(tmp_path, {"weights": "w"})
    assert (again.find(found[::2]) >= 0).all()
    assert (again.find(found[1::2]) < 0).all()
