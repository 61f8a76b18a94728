"""What a writer has begun is removed when the writer has ended, and not before."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hn_assets.store import DatasetStore, open_store
from hn_assets.store.atomic_files import make_folder, remove_unfinished, replace_file

WRITER = """
import os, sys
from pathlib import Path
from hn_assets.store import DatasetStore
os.getpid = lambda: int(sys.argv[2])  # as another container numbers its processes
with DatasetStore(Path(sys.argv[1]), "toy").stage("corpus").publish() as draft:
    draft.path("data.txt").write_text("half")
    print("begun", flush=True)
    sys.stdin.readline()
    draft.path("data.txt").write_text("whole")
"""


@contextmanager
def writer(root: Path, pid: int) -> Iterator[subprocess.Popen]:
    """A process that is just writing a version, and goes on when it gets a line."""
    command = [sys.executable, "-c", WRITER, str(root), str(pid)]
    with subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        try:
            yield process
        finally:
            process.kill()


def publish(root: Path, text: str) -> None:
    with DatasetStore(root, "toy").stage("corpus").publish() as draft:
        draft.path("data.txt").write_text(text)


def unfinished(root: Path) -> list[str]:
    return [path.name for path in root.rglob("*") if path.name.startswith(".staging")]


def test_a_writer_whose_process_id_is_not_known_here_is_not_disturbed(tmp_path: Path) -> None:
    with writer(tmp_path, pid=999_999_999) as process:
        publish(tmp_path, "ours")
        process.communicate("\n")
        assert process.returncode == 0
    assert DatasetStore(tmp_path, "toy").stage("corpus").file("data.txt").read_text() == "whole"
    assert not unfinished(tmp_path)


def test_what_a_killed_writer_left_is_removed_though_its_process_id_is_in_use(
    tmp_path: Path,
) -> None:
    with writer(tmp_path, pid=os.getpid()) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert unfinished(tmp_path)
    publish(tmp_path, "ours")
    assert not unfinished(tmp_path)


@pytest.mark.parametrize("kind", ["file", "folder", "link", "lock"])
def test_anything_without_a_lock_that_is_held_is_removed(tmp_path: Path, kind: str) -> None:
    left = tmp_path / ".writing-1-0badcafe"  # as earlier versions named it
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "data.txt").write_text("kept")
    if kind == "file":
        left.write_text("half")
    elif kind == "folder":
        (left / "inner").mkdir(parents=True)
    elif kind == "link":
        left.symlink_to(kept)
    else:
        left = tmp_path / ".writing-1-0badcafe.lock"
        left.touch()
    remove_unfinished(tmp_path)
    assert not left.is_symlink() and not left.exists()
    assert (kept / "data.txt").exists()


def test_a_folder_a_name_and_a_link_survive_a_crash_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "new/data"
    waiting = _watch_folders(tmp_path, monkeypatch)
    publish(root, "one")
    publish(root, "two")
    assert (root / "toy/corpus/latest/data.txt").read_text() == "two"
    lost = {path: names for path, names in waiting().items() if names}
    assert not lost, "names that were not synced after they were made"


def _watch_folders(root: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that says which names of each folder were made since the folder was synced."""
    synced: dict[int, set[str]] = {}  # by inode, as folders are renamed
    fsync = os.fsync

    def watched(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path.is_dir():
            # a link counts with its target, since it is replaced under the same name
            synced[os.fstat(handle).st_ino] = {_described(inner) for inner in path.iterdir()}
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)

    def waiting() -> dict[Path, set[str]]:
        folders = [path for path in (root, *root.rglob("*")) if path.is_dir()]
        return {
            folder: {_described(path) for path in folder.iterdir()}
            - synced.get(folder.stat().st_ino, set())
            for folder in folders
            if not folder.is_symlink()
        }

    return waiting


def _described(path: Path) -> str:
    return f"{path.name} -> {path.readlink()}" if path.is_symlink() else path.name


def test_files_have_the_rights_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        make_folder(tmp_path / "folder")
        replace_file(tmp_path / "folder/note.json", b"{}")
        publish(tmp_path / "local", "one")
        for place in (tmp_path / "one", tmp_path / "two"):
            store = open_store(place, "toy", {"HN_DATA_DIR": f"file://{tmp_path}/remote"})
            if place.name == "one":
                with store.stage("corpus").publish() as draft:
                    draft.path("data.txt").write_text("one")
            else:
                store.stage("corpus").file("data.txt")
            store.stage("corpus").write_note("note.json", {})
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        if not path.is_symlink():
            rights = path.stat().st_mode & 0o777
            assert rights == (0o750 if path.is_dir() else 0o640), path
