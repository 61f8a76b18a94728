"""A manifest is read as it was written, or it is damaged; it names nothing outside its folder."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.errors import StoreError
from hn_assets.store import DatasetStore, Manifest, StageStore
from hn_assets.store.manifest import FileDescription
from hn_assets.store.remote import Remote

FILES: dict[str, FileDescription] = {
    "data.txt": {"bytes": 3, "sha256": "ab" * 32},
    "corpus/part.parquet": {"bytes": 0, "sha256": "0" * 64},
}
WRITTEN = (
    Manifest.of_files(FILES, {"made_from": {"share": 0.1}, "rows": [1, None]}).to_json().encode()
)


def with_checksum(content: dict) -> bytes:
    described = json.dumps(content, sort_keys=True).encode()
    return json.dumps({**content, "checksum": hashlib.sha256(described).hexdigest()}).encode()


def resigned(**changes: object) -> bytes:
    """A manifest with other content whose checksum is right, as somebody else can write it."""
    content = {k: v for k, v in json.loads(WRITTEN).items() if k != "checksum"}
    return with_checksum({**content, **changes})


def named(*names: str) -> bytes:
    files = dict.fromkeys(names, FILES["data.txt"])
    version = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
    return resigned(files=files, version=version)


def test_it_is_read_as_it_was_written() -> None:
    manifest = Manifest.from_json(WRITTEN)
    assert manifest.files == FILES
    assert manifest.info == {"made_from": {"share": 0.1}, "rows": [1, None]}
    assert manifest.to_json().encode() == WRITTEN


@pytest.mark.parametrize(
    "content",
    [
        named("../../../../outside.txt"),
        named("/etc/outside.txt"),
        named("corpus/../../outside.txt"),
        named("..", "data.txt"),
        named(""),
        named("corpus//data.txt"),
        named("..\\outside.txt"),
        named("data\n.txt"),
        named("data\0.txt"),
        named("./data.txt"),
        resigned(version="../../elsewhere"),
        resigned(version="latest"),
        resigned(version=None),
        resigned(version="0" * 16),
        resigned(files={"data.txt": {"bytes": -1, "sha256": "ab" * 32}}),
        resigned(files={"data.txt": {"bytes": "3", "sha256": "ab" * 32}}),
        resigned(files={"data.txt": {"bytes": 3, "sha256": "nonsense"}}),
        resigned(files={"data.txt": {"bytes": 3}}),
        resigned(files=["data.txt"]),
        resigned(files=None),
        resigned(info=[]),
        resigned(more=1),
        b"\xff\xfe\x00",
        b"",
        b"null",
        b"[]",
        b"7",
        b"{}",
        b'{"checksum": 1}',
        b"[" * 100_000,
        b'{"version": ' * 100_000,
        WRITTEN[:-5],
        WRITTEN.replace(b"data", b"dota"),
        WRITTEN.replace(b'"checksum"', b'"checksul"'),
    ],
)
def test_what_no_run_has_written_is_damaged_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    for remote in (False, True):
        stage = _place(tmp_path, remote)
        publish(stage)
        for path in (
            _manifest(tmp_path, remote),
            _manifest(tmp_path, remote, "manifest-copy.json"),
        ):
            path.write_bytes(content)
        for read in (stage.manifest, stage.verified, lambda: stage.file("data.txt")):  # noqa: B023
            with pytest.raises(StoreError, match=r"manifest\.json is damaged.*materialize toy/cor"):
                read()
        publish(stage)
        assert stage.file("data.txt").read_text() == "one", "it is made again"


def _place(tmp_path: Path, remote: bool) -> StageStore:
    place = Remote(f"file://{tmp_path}/remote") if remote else None
    return DatasetStore(tmp_path / f"local-{remote}", "toy", place).stage("corpus")


def _manifest(tmp_path: Path, remote: bool, name: str = "manifest.json") -> Path:
    root = tmp_path / ("remote" if remote else "local-False")
    return root / "toy/corpus" / name


def publish(stage: StageStore) -> None:
    with stage.publish() as draft:
        draft.path("data.txt").write_text("one")


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("name", ["manifest.json", "manifest-copy.json"])
def test_a_damaged_manifest_is_read_from_its_copy_and_restored(
    tmp_path: Path, remote: bool, name: str
) -> None:
    stage = _place(tmp_path, remote)
    publish(stage)
    path = _manifest(tmp_path, remote, name)
    written = path.read_bytes()
    path.write_bytes(written.replace(b"data.txt", b"dara.txt"))
    manifest = stage.verified()
    assert manifest is not None
    (mended,) = stage.complete(manifest)
    assert f"{name} was damaged and is restored" in mended
    assert path.read_bytes() == written
    assert not stage.complete(manifest)


def test_a_store_without_copies_of_manifests_gets_them(tmp_path: Path) -> None:
    stage = _place(tmp_path, remote=False)
    publish(stage)
    copy = _manifest(tmp_path, False, "manifest-copy.json")
    written = copy.read_bytes()
    copy.unlink()
    assert not stage.complete(stage.require())
    assert copy.read_bytes() == written


@given(st.data())
def test_any_bytes_are_the_manifest_that_was_written_or_damaged(data: st.DataObject) -> None:
    changed = bytearray(WRITTEN)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, max(len(changed) - 1, 0)))
        if not changed:
            break
        match data.draw(st.sampled_from(["flip", "cut", "insert", "other"])):
            case "flip":
                changed[at] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del changed[at : at + data.draw(st.sampled_from([1, 1000]))]
            case "insert":
                changed[at:at] = data.draw(st.binary(max_size=4))
            case "other":
                changed[:] = data.draw(st.binary(min_size=1, max_size=300))
    try:
        found = Manifest.from_json(bytes(changed))
    except ValueError as error:
        assert str(error).strip()
    else:
        assert found == Manifest.from_json(WRITTEN)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["version", "files", "info"]) | st.text(), JSON, max_size=4))
def test_any_json_with_a_right_checksum_is_a_manifest_of_this_folder_or_damaged(
    content: dict,
) -> None:
    try:
        found = Manifest.from_json(with_checksum(content))
    except ValueError as error:
        assert str(error).strip()
    else:
        for name in found.files:
            path = (Path("/stage") / name).resolve()
            assert path.is_relative_to("/stage") and path != Path("/stage")
