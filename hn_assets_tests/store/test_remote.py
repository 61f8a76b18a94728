"""Finished assets under a URL, on a real S3 server on loopback and in a plain folder."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from hn_assets.errors import HardNegativesError, RemoteStoreError, StoreError
from hn_assets.extras import MissingExtraError
from hn_assets.store import DatasetStore, open_store

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        boto3.client("s3").create_bucket(Bucket="assets")
        yield "s3://assets"
    server.stop()


@pytest.fixture(params=["s3", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"file://{tmp_path}/remote"
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"


def machine(tmp_path: Path, name: str, place: str) -> DatasetStore:
    """A machine with a local folder of its own."""
    return open_store(tmp_path / name, "toy", {"HN_DATA_DIR": place})


def publish(store: DatasetStore, text: str) -> str:
    with store.stage("corpus").publish() as draft:
        draft.path("data.txt").write_text(text)
        draft.info["length"] = len(text)
    assert draft.manifest is not None
    return draft.manifest.version


def test_another_machine_reads_what_one_has_published(tmp_path: Path, place: str) -> None:
    version = publish(machine(tmp_path, "one", place), "content")
    stage = machine(tmp_path, "two", place).stage("corpus")
    assert stage.require().version == version
    assert stage.require().info == {"length": 7}
    assert stage.file("data.txt").read_text() == "content"
    assert stage.where(version) == f"{place}/toy/corpus/{version}"
    assert machine(tmp_path, "two", place).stage("queries").manifest() is None


def test_the_remote_place_counts_and_keeps_two_versions(tmp_path: Path, place: str) -> None:
    one, two = (machine(tmp_path, name, place) for name in ("one", "two"))
    versions = [publish(one, "first"), publish(two, "second")]
    assert one.stage("corpus").file("data.txt").read_text() == "second"
    versions.append(publish(one, "third"))
    assert one.remote is not None
    assert sorted(one.remote.folders("toy/corpus")) == sorted(versions[1:])
    assert two.stage("corpus").file("data.txt").read_text() == "third"


def test_a_note_goes_with_it(tmp_path: Path, place: str) -> None:
    one, two = (machine(tmp_path, name, place) for name in ("one", "two"))
    publish(one, "x")
    one.stage("corpus").write_note("metadata.json", {"rows": 3})
    assert two.stage("corpus").read_note("metadata.json") == {"rows": 3}
    assert two.stage("corpus").read_note("other.json") is None


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
    path = tmp_path / "remote/toy/corpus" / version / "data.txt"
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


def test_the_local_folder_can_be_named(tmp_path: Path) -> None:
    environment = {"HN_DATA_DIR": f"file://{tmp_path}/remote", "HN_WORK_DIR": "work"}
    assert open_store(tmp_path, "toy", environment).root == tmp_path / "work"
    assert open_store(tmp_path, "toy", {}).root == tmp_path / "data"
    assert os.environ.get("HN_DATA_DIR") is None
