"""A reader sees the old asset or the new one, and damage is named before it is used."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from hn_assets.errors import StoreError
from hn_assets.store import DatasetStore, StageStore, layout


def publish(stage: StageStore, text: str, name: str = "data.txt") -> str:
    with stage.publish() as draft:
        draft.path(name).write_text(text)
        draft.info["length"] = len(text)
    assert draft.manifest is not None
    return draft.manifest.version


@pytest.fixture
def stage(tmp_path: Path) -> StageStore:
    return DatasetStore(tmp_path, "toy").stage("corpus")


def test_what_is_published_is_read_back(stage: StageStore) -> None:
    version = publish(stage, "one")
    assert stage.file("data.txt").read_text() == "one"
    assert stage.require().version == version
    assert stage.require().info == {"length": 3}
    assert (stage.folder / "latest" / "data.txt").read_text() == "one"


def test_a_file_is_found_by_its_constant(tmp_path: Path) -> None:
    store = DatasetStore(tmp_path, "toy")
    publish(store.stage("qrels"), "judgements", layout.QRELS.name)
    assert store.file(layout.QRELS).read_text() == "judgements"
    with pytest.raises(StoreError, match="toy/queries has not been materialized"):
        store.file(layout.QUERIES)


def test_a_note_is_read_back(stage: StageStore) -> None:
    publish(stage, "one")
    stage.write_note("metadata.json", {"rows": 3})
    assert stage.read_note("metadata.json", dict) == {"rows": 3}
    assert stage.read_note("other.json", dict) is None


def test_equal_content_is_an_equal_version(stage: StageStore) -> None:
    assert publish(stage, "one") == publish(stage, "one") != publish(stage, "two")


def test_a_failed_run_leaves_the_old_asset_and_no_stray_files(stage: StageStore) -> None:
    publish(stage, "old")
    before = sorted(path.name for path in stage.folder.iterdir())
    with pytest.raises(RuntimeError, match="half way"), stage.publish() as draft:
        draft.path("data.txt").write_text("new")
        raise RuntimeError("half way")
    assert stage.file("data.txt").read_text() == "old"
    assert sorted(path.name for path in stage.folder.iterdir()) == before


def test_a_reader_of_the_previous_version_is_not_disturbed(stage: StageStore) -> None:
    publish(stage, "one")
    opened = stage.file("data.txt")
    publish(stage, "two")
    publish(stage, "two")
    assert opened.read_text() == "one"
    publish(stage, "three")
    assert not opened.exists(), "older versions are removed"


def test_a_stage_never_materialized_says_what_to_do(stage: StageStore) -> None:
    with pytest.raises(StoreError, match="toy/corpus has not been materialized.*materialize it"):
        stage.file("data.txt")


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_damage_is_named_before_use(stage: StageStore, damage: str) -> None:
    publish(stage, "some content")
    path = stage.file("data.txt")
    if damage == "flip":
        content = bytearray(path.read_bytes())
        content[3] ^= 1
        path.write_bytes(content)
    elif damage == "truncate":
        path.write_text("some")
    else:
        path.unlink()
    with pytest.raises(StoreError, match=r"data\.txt .*materialize toy/corpus again"):
        stage.file("data.txt")
    publish(stage, "some content")
    assert stage.file("data.txt").read_text() == "some content", "the same content mends it"


def test_a_damaged_manifest_is_named_and_mended(stage: StageStore) -> None:
    publish(stage, "one")
    (stage.folder / "manifest-copy.json").unlink()
    manifest = stage.folder / "manifest.json"
    manifest.write_text(manifest.read_text()[:-5])
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        stage.require()
    publish(stage, "one")
    assert json.loads(manifest.read_text())["info"] == {"length": 3}


def test_a_store_that_cannot_be_a_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    stage = DatasetStore(tmp_path / "file", "toy").stage("corpus")
    with pytest.raises(StoreError, match="cannot be written.*HN_DATA_DIR"):
        publish(stage, "one")


WRITES = {
    "a version": """
    with stage.publish() as draft:
        draft.path("data.txt").write_bytes(b"x" * 5000)
""",
    "a note": """
    stage.write_note("note.json", {"text": "x" * 5000})
""",
    "vectors": """
    with stage.publish() as draft:
        replace_file(stage.folder.parent / "vector_cache/shard", b"x" * 5000)
""",
}


@pytest.mark.parametrize("writes", WRITES)
def test_a_full_disk_is_a_clear_error_and_loses_nothing(stage: StageStore, writes: str) -> None:
    publish(stage, "old")
    (stage.folder.parent / "vector_cache").mkdir()
    # a limit on file size stands in for a full disk: the write itself fails, as it would there
    code = f"""
import resource, signal
from pathlib import Path
from hn_assets.errors import StoreError
from hn_assets.store import DatasetStore
from hn_assets.store.atomic_files import replace_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    stage = DatasetStore(Path({str(stage.folder.parents[1])!r}), "toy").stage("corpus")
    {WRITES[writes].strip()}
except StoreError as error:
    print(error)
"""
    assert resource.RLIMIT_FSIZE is not None
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "toy/corpus cannot be written" in done.stdout
    assert "what was there before is unchanged" in done.stdout
    assert stage.file("data.txt").read_text() == "old"
    assert not list(stage.folder.glob(".staging-*"))


def test_what_a_killed_run_left_is_swept_away(stage: StageStore) -> None:
    publish(stage, "one")
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    left = stage.folder / f".staging-{dead}-0badcafe"
    left.mkdir()
    (left / "data.txt").write_text("half")
    publish(stage, "two")
    assert not left.exists()
