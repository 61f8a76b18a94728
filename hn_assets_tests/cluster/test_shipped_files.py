"""Files reach a node once, whole, and are known by what they hold."""

import os
import time
from pathlib import Path

import pytest

from hn_assets.cluster import shipped_files
from hn_assets.cluster.shipped_files import NodeFiles, ShippedFiles
from hn_assets.errors import ClusterError

CONTENT = {"config.json": b"{}", "1_Pooling/config.json": b"", "model.bin": bytes(range(250))}


@pytest.fixture
def sender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HN_WORK_DIR", str(tmp_path / "work"))
    monkeypatch.setattr(shipped_files, "PART_BYTES", 100)
    return write(tmp_path / "sender" / "snapshot", CONTENT)


def write(folder: Path, content: dict[str, bytes]) -> Path:
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def files_of(folder: Path, name: str = "their-model") -> ShippedFiles:
    return ShippedFiles.of(folder, name, sorted(p for p in folder.rglob("*") if p.is_file()))


def send(files: ShippedFiles) -> Path:
    node = NodeFiles(files)
    assert node.find() is None
    for name, part in files.parts():
        node.receive(name, part)
    return node.finish()


def content_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_arrive_as_they_are_and_are_found_again(sender: Path) -> None:
    files = files_of(sender)
    assert max(len(part) for _, part in files.parts()) == 100
    folder = send(files)
    assert folder.name == "their-model"
    assert content_of(folder) == CONTENT
    assert NodeFiles(files).find() == folder
    assert sorted(path.name for path in folder.parents[1].iterdir()) == [folder.parent.name]


def test_a_folder_that_the_node_shares_is_used_as_it_is(sender: Path) -> None:
    assert NodeFiles(files_of(sender, sender.name)).find() == sender


def test_a_folder_that_holds_something_else_is_not_used(sender: Path) -> None:
    files = files_of(sender, sender.name)
    (sender / "config.json").write_bytes(b"[]")
    assert NodeFiles(files).find() is None


def test_two_workers_of_a_node_may_receive_at_the_same_time(sender: Path) -> None:
    files = files_of(sender)
    nodes = [NodeFiles(files), NodeFiles(files)]
    for name, part in files.parts():
        for node in nodes:
            node.receive(name, part)
    assert nodes[0].finish() == nodes[1].finish()
    assert content_of(nodes[0].finish()) == CONTENT


def test_damaged_files_are_sent_again(sender: Path) -> None:
    files = files_of(sender)
    (send(files) / "model.bin").write_bytes(b"cut off")
    assert content_of(send(files)) == CONTENT


def test_files_that_change_while_they_are_sent_are_refused(sender: Path) -> None:
    files = files_of(sender)
    (sender / "model.bin").write_bytes(bytes(250))
    with pytest.raises(ClusterError, match="were written while they were sent"):
        send(files)


def test_what_was_not_used_for_long_is_removed(sender: Path) -> None:
    old = send(files_of(sender)).parent
    long_ago = time.time() - (shipped_files.UNUSED_DAYS + 1) * 86_400
    os.utime(old, (long_ago, long_ago))
    (sender / "config.json").write_bytes(b"[]")
    new = send(files_of(sender))
    assert not old.exists()
    assert new.exists()
