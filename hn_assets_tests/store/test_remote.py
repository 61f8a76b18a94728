"""Finished assets under a URL, on a real S3 server on loopback and in a plain folder."""

import json
import os
import shutil
import sys
import traceback
from pathlib import Path

import pytest

from hn_assets.errors import HardNegativesError, RemoteStoreError, StoreError
from hn_assets.extras import MissingExtraError
from hn_assets.store import DatasetStore, Manifest, open_store
from hn_assets_tests.s3_server import CREDENTIALS


@pytest.fixture(params=["s3", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"file://{tmp_path}/remote"
    return f"{request.getfixturevalue('s3').url}/{tmp_path.name}"


def machine(tmp_path: Path, name: str, place: str) -> DatasetStore:
    """A machine with a local folder of its own."""
    return open_store(tmp_path / name, "toy", {"HN_DATA_DIR": place})


def publish(store: DatasetStore, text: str) -> str:
    return publish_manifest(store, text).version


def publish_manifest(store: DatasetStore, text: str) -> Manifest:
    with store.stage("corpus").publish() as draft:
        draft.path("data.txt").write_text(text)
        draft.info["length"] = len(text)
    assert draft.manifest is not None
    return draft.manifest


def remote_folder(store: DatasetStore) -> Path:
    """The folder at a remote place of plain files that holds the current version."""
    stage = store.stage("corpus")
    return Path(stage.where(stage.require()).removeprefix("file://"))


def test_another_machine_reads_what_one_has_published(tmp_path: Path, place: str) -> None:
    version = publish(machine(tmp_path, "one", place), "content")
    stage = machine(tmp_path, "two", place).stage("corpus")
    assert stage.require().version == version
    assert stage.require().info == {"length": 7}
    assert stage.file("data.txt").read_text() == "content"
    assert stage.where(stage.require()) == f"{place}/toy/corpus/{version}-1"
    assert machine(tmp_path, "two", place).stage("queries").manifest() is None


def test_the_remote_place_counts_and_keeps_two_versions(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hn_assets.store.remote_stage.KEPT_SECONDS", 0.0)
    one, two = (machine(tmp_path, name, place) for name in ("one", "two"))
    versions = [publish_manifest(one, "first"), publish_manifest(two, "second")]
    assert one.stage("corpus").file("data.txt").read_text() == "second"
    versions.append(publish_manifest(one, "third"))
    assert one.remote is not None
    kept = [manifest.remote_folder for manifest in versions[1:]]
    assert sorted(one.remote.folders("toy/corpus")) == sorted(kept)
    assert two.stage("corpus").file("data.txt").read_text() == "third"


def test_a_version_is_kept_for_an_hour_after_another_took_its_place_by_the_remote_clock_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = machine(tmp_path, "one", f"file://{tmp_path}/remote")
    manifests = [publish_manifest(store, text) for text in ("first", "second", "third")]
    folder = tmp_path / "remote/toy/corpus"
    for manifest, hours in zip(manifests, (3, 0.5, 0), strict=True):
        for path in (folder / manifest.remote_folder).iterdir():
            written = path.stat().st_mtime - 3600 * hours
            os.utime(path, (written, written))
    first, third = manifests[0], manifests[2]
    # it was written long ago, but was current until now
    os.utime(folder / third.remote_folder / "data.txt", (0, 0))
    monkeypatch.setattr("time.time", lambda: 0.0)  # as if this machine's clock were wrong
    manifests.append(publish_manifest(store, "fourth"))
    manifests.append(publish_manifest(store, "fifth"))
    kept = {path.name for path in folder.iterdir() if path.is_dir()}
    assert kept == {manifest.remote_folder for manifest in manifests} - {first.remote_folder}


@pytest.mark.parametrize("damage", ["truncate", "delete", "delete all"])
def test_what_the_remote_place_has_lost_is_uploaded_by_the_next_run(
    tmp_path: Path, damage: str
) -> None:
    place = f"file://{tmp_path}/remote"
    stage = machine(tmp_path, "one", place).stage("corpus")
    publish(machine(tmp_path, "one", place), "some content")
    path = remote_folder(machine(tmp_path, "one", place)) / "data.txt"
    if damage == "truncate":
        path.write_text("some")
    else:
        shutil.rmtree(path.parent) if damage == "delete all" else path.unlink()
    manifest = stage.verified()
    assert manifest is not None, "the local copy is whole"
    stage.complete(manifest)
    two = machine(tmp_path, "two", place).stage("corpus")
    assert two.file("data.txt").read_text() == "some content"


def test_what_the_remote_place_loses_while_a_version_is_published_is_uploaded_again(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = machine(tmp_path, "one", place)
    assert store.remote is not None
    upload, uploaded = store.remote.upload, []

    def lose_the_first(path: Path, name: str) -> None:
        upload(path, name)
        if not uploaded:
            store.remote.remove_folder(name.rsplit("/", 1)[0])  # type: ignore[union-attr]
        uploaded.append(name)

    monkeypatch.setattr(store.remote, "upload", lose_the_first)
    publish(store, "content")
    assert len(uploaded) == 2
    assert machine(tmp_path, "two", place).stage("corpus").file("data.txt").read_text() == "content"


def test_a_remote_place_that_keeps_nothing_is_a_clear_error(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = machine(tmp_path, "one", place)
    publish(store, "old")
    monkeypatch.setattr(store.remote, "upload", lambda path, name: None)
    with pytest.raises(RemoteStoreError, match=r"lacks data\.txt although"):
        publish(store, "new")
    assert machine(tmp_path, "two", place).stage("corpus").file("data.txt").read_text() == "old"


def test_folders_that_are_no_versions_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hn_assets.store.remote_stage.KEPT_SECONDS", 0.0)
    store = machine(tmp_path, "one", f"file://{tmp_path}/remote")
    publish(store, "first")
    theirs = [tmp_path / "remote/toy/corpus/notes", store.stage("corpus").folder / "notes"]
    for folder in theirs:
        folder.mkdir()
        (folder / "mine.txt").write_text("kept")
    for text in ("second", "third", "fourth"):
        publish(store, text)
    assert all((folder / "mine.txt").exists() for folder in theirs)


def test_a_note_goes_with_it(tmp_path: Path, place: str) -> None:
    one, two = (machine(tmp_path, name, place) for name in ("one", "two"))
    publish(one, "x")
    one.stage("corpus").write_note("metadata.json", {"rows": 3})
    assert two.stage("corpus").read_note("metadata.json", dict) == {"rows": 3}
    assert two.stage("corpus").read_note("other.json", dict) is None


def test_a_run_that_fails_leaves_the_old_version(tmp_path: Path, place: str) -> None:
    store = machine(tmp_path, "one", place)
    publish(store, "old")
    with pytest.raises(RuntimeError, match="half way"), store.stage("corpus").publish() as draft:
        draft.path("data.txt").write_text("new")
        raise RuntimeError("half way")
    assert machine(tmp_path, "two", place).stage("corpus").file("data.txt").read_text() == "old"


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_remote_damage_is_named_before_use(tmp_path: Path, damage: str) -> None:
    place = f"file://{tmp_path}/remote"
    version = publish(machine(tmp_path, "one", place), "some content")
    path = remote_folder(machine(tmp_path, "one", place)) / "data.txt"
    content = {"flip": "sone content", "truncate": "some"}.get(damage)
    path.unlink() if content is None else path.write_text(content)
    two = machine(tmp_path, "two", place).stage("corpus")
    with pytest.raises(StoreError, match=r"data\.txt .*materialize toy/corpus again"):
        two.file("data.txt")
    assert publish(machine(tmp_path, "two", place), "some content") == version
    three = machine(tmp_path, "three", place).stage("corpus")
    assert three.file("data.txt").read_text() == "some content", "making it again mends it"


def test_a_damaged_remote_manifest_is_named(tmp_path: Path) -> None:
    place = f"file://{tmp_path}/remote"
    publish(machine(tmp_path, "one", place), "content")
    manifest = tmp_path / "remote/toy/corpus/manifest.json"
    manifest.with_name("manifest-copy.json").unlink()
    raw = json.loads(manifest.read_text())
    raw["info"]["length"] = 8
    manifest.write_text(json.dumps(raw))
    with pytest.raises(StoreError, match=r"manifest\.json is damaged.*checksum"):
        machine(tmp_path, "two", place).stage("corpus").require()


def test_a_place_that_cannot_be_reached_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    store = machine(tmp_path, "one", "s3://nowhere/assets")
    with pytest.raises(RemoteStoreError, match="s3://nowhere/assets cannot be"):
        publish(store, "x")


def test_a_url_that_nobody_knows_says_so(tmp_path: Path) -> None:
    with pytest.raises(RemoteStoreError, match="cannot be opened"):
        machine(tmp_path, "one", "nonsense://somewhere")


@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_s3_without_its_extra_names_the_extra_and_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)  # as if it were not installed
    with pytest.raises(MissingExtraError, match=r"hn_assets\[s3\]") as raised:
        machine(tmp_path, "one", f"{scheme}://bucket/assets")
    assert f"{scheme}://bucket/assets" in str(raised.value)
    assert isinstance(raised.value, HardNegativesError), "what a step does not try again"


def test_another_url_without_its_package_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(StoreError, match="gs://bucket/assets needs a package.*gcsfs"):
        machine(tmp_path, "one", "gs://bucket/assets")


def test_the_local_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"HN_DATA_DIR": f"file://{tmp_path}/remote", "HN_WORK_DIR": "work"}
    assert open_store(tmp_path, "toy", environment).root == tmp_path / "work"
    assert open_store(tmp_path, "toy", {}).root == tmp_path / "data"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for environment in (
        {"HN_DATA_DIR": "~/assets"},
        {"HN_DATA_DIR": f"file://{tmp_path}/remote", "HN_WORK_DIR": "~/assets"},
    ):
        assert open_store(tmp_path, "toy", environment).root == tmp_path / "home/assets"
    with pytest.raises(StoreError, match="HN_DATA_DIR.*~nobody-of-that-name"):
        open_store(tmp_path, "toy", {"HN_DATA_DIR": "~nobody-of-that-name/x"})
    assert os.environ.get("HN_DATA_DIR") is None


SECRET = "T0PSECRET"


@pytest.mark.parametrize(
    "url",
    [
        f"s3://key:{SECRET}@bucket/assets",
        f"ftp://user:{SECRET}@127.0.0.1:1/assets",
        f"webdav://user:{SECRET}@127.0.0.1/assets?sig={SECRET}",
        f"memory://bucket/assets?sig={SECRET}",
        f"abfs://container:{SECRET}@host/assets",
        f"abfs://container@host/assets?sig={SECRET}",
    ],
)
def test_credentials_in_a_url_stand_in_no_error_and_in_no_place(tmp_path: Path, url: str) -> None:
    printed = ""
    try:
        store = machine(tmp_path, "one", url)
        printed += store.stage("corpus").where("x") + store.remote.url if store.remote else ""
        publish(store, "content")
    except (StoreError, RemoteStoreError) as error:
        printed += "".join(traceback.format_exception(error))
    assert printed
    assert SECRET not in printed


def test_the_container_in_a_url_of_azure_is_shown(tmp_path: Path) -> None:
    with pytest.raises((StoreError, RemoteStoreError), match=r"abfs://animals@host/assets\b"):
        publish(machine(tmp_path, "one", f"abfs://animals@host/assets?sig={SECRET}"), "content")


def test_keys_of_a_bucket_in_its_url_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        machine(tmp_path, "one", f"s3://key:{SECRET}@bucket/assets")
