"""Local folders of versions: they stay while somebody reads them, and are removed after that."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def reading(folder: Path) -> Iterator[bool]:
    """Keep a folder from being removed by `remove_unread` until the block ends.

    The operating system forgets a reader that was killed. On a file system without locks of folders
    nothing is kept.

    Args:
        folder: The folder.

    Yields:
        Whether the folder is there.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield False
        return
    try:
        yield _lock(handle, fcntl.LOCK_SH) and _is_at(handle, folder)
    finally:
        os.close(handle)


def remove_unread(folder: Path) -> None:
    """Remove a folder with all in it, unless somebody reads it."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        if _lock(handle, fcntl.LOCK_EX):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


def _lock(handle: int, kind: int) -> bool:
    """Lock an open folder; false if others have another lock of it."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # the file system has no locks of folders
    return True


def _is_at(handle: int, folder: Path) -> bool:
    """Whether an open folder still has its name: it may have been removed before it was locked."""
    try:
        return os.path.samestat(os.fstat(handle), folder.stat())
    except OSError:
        return False
