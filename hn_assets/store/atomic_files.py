"""Small files that are there whole or not at all, even if the process or the machine crashes."""

import os
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4


def replace_file(path: Path, content: Any, prefix: str = ".writing") -> None:
    """Write a small file in one step, so that readers see the old bytes or the new ones.

    Args:
        path: The path of the file. Its folder must exist.
        content: The bytes to write, or another object with the buffer protocol.
        prefix: How the name of the unfinished file begins. `remove_unfinished` takes the same.

    Raises:
        OSError: The file cannot be written; the old one is unchanged.
    """
    unfinished = unfinished_path(path.parent, prefix)
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def unfinished_path(folder: Path, prefix: str = ".writing") -> Path:
    """A path in `folder` for what this process is still writing, a file or a folder.

    The name holds the id of the process, by which `remove_unfinished` recognizes what a process
    that has ended left behind.
    """
    return folder / f"{prefix}-{os.getpid()}-{uuid4().hex[:8]}"


def remove_unfinished(folder: Path, prefix: str = ".writing") -> None:
    """Remove the unfinished files and folders of processes that no longer run."""
    for path in folder.glob(f"{prefix}-*"):
        if is_running(path.name.split("-")[1]):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make the bytes of a file, or the names in a folder, survive a crash of the machine."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_running(pid: str) -> bool:
    """Whether this machine runs a process with that id; true if that cannot be found out."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        return True
    return True
