"""Small files that are there whole or not at all, even if the process or the machine crashes.

What is being written has a name of its own, and beside it stands a lock that its writer holds. The
operating system frees the lock of a process that ends, on whatever machine or in whatever container
it ran, so that a free lock means that what lies beside it will never be finished.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

LOCK = ".lock"


def replace_file(path: Path, content: Any, prefix: str = ".writing") -> None:
    """Write a small file in one step, so that readers see the old bytes or the new ones.

    Args:
        path: The path of the file. Its folder must exist.
        content: The bytes to write, or another object with the buffer protocol.
        prefix: How the name of the unfinished file begins. `remove_unfinished` takes the same.

    Raises:
        OSError: The file cannot be written; the old one is unchanged.
    """
    with unfinished_path(path.parent, prefix) as unfinished:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync(path.parent)


def replace_link(path: Path, target: str, prefix: str = ".writing") -> None:
    """Let `path` be a link to `target`, in one step; not at all if the file system has no links.

    Args:
        path: The path of the link. Its folder must exist.
        target: What it points at.
        prefix: As for `replace_file`.
    """
    try:
        if path.is_symlink() and path.readlink() == Path(target):
            return
        with unfinished_path(path.parent, prefix) as new:
            new.symlink_to(target)
            new.replace(path)
            sync(path.parent)
    except OSError:
        pass


@contextmanager
def unfinished_path(folder: Path, prefix: str = ".writing") -> Iterator[Path]:
    """A path in `folder` for what is still being written: a file, a folder or a link.

    What is left at that path when the block ends is removed.

    Raises:
        OSError: The folder cannot be written.
    """
    path, handle = _locked_name(folder, prefix)
    try:
        yield path
    finally:
        _remove(path)
        _lock_of(path).unlink(missing_ok=True)
        os.close(handle)


def remove_unfinished(folder: Path, prefix: str = ".writing") -> None:
    """Remove what writers that have ended have left unfinished, of this and of other machines."""
    for name in {path.name.removesuffix(LOCK) for path in folder.glob(f"{prefix}-*")}:
        path = folder / name
        try:
            handle = os.open(_lock_of(path), os.O_RDWR)
        except FileNotFoundError:  # a lock is there before what it is for, and for longer
            _remove(path)
            continue
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
            _lock_of(path).unlink(missing_ok=True)
        except OSError:
            pass  # the writer is at work, or the file system has no locks and nobody can tell
        finally:
            os.close(handle)


def make_folder(path: Path) -> None:
    """Make a folder with its parents, so that a crash of the machine does not lose them.

    Raises:
        OSError: A folder cannot be made.
    """
    new = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(new):
        sync(folder.parent)


def sync(path: Path) -> None:
    """Make the bytes of a file, or the names in a folder, survive a crash of the machine."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(folder: Path) -> None:
    """Make all files in a folder and below, and their names, survive a crash of the machine."""
    for path in (*folder.rglob("*"), folder):
        sync(path)


def _locked_name(folder: Path, prefix: str) -> tuple[Path, int]:
    """A new path, and the file descriptor that holds its lock."""
    while True:
        path = folder / f"{prefix}-{uuid4().hex}"
        handle = os.open(_lock_of(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another process is just removing it, since it saw it free
            os.close(handle)
            continue
        except OSError:
            return path, handle  # the file system has no locks: nobody will remove it
        if os.fstat(handle).st_nlink:
            return path, handle
        os.close(handle)


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + LOCK)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
