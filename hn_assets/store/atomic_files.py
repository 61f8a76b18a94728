"""Files that are there whole or not at all, whatever crashes."""

import os
from pathlib import Path
from typing import Any
from uuid import uuid4


def replace_file(path: Path, content: Any, prefix: str = ".writing") -> None:
    """Write a small file in one step: readers see the old bytes or the new, whatever crashes.

    Args:
        path: of the file; its folder must be there.
        content: bytes, or another buffer.
        prefix: of the name it has meanwhile; `remove_unfinished` takes the same.
    """
    unfinished = path.with_name(f"{prefix}-{os.getpid()}-{uuid4().hex[:8]}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def remove_unfinished(folder: Path, prefix: str = ".writing") -> None:
    """Remove what a killed run had begun to write; another's, still running, has its process."""
    for path in folder.glob(f"{prefix}-*"):
        if not is_running(path.name.split("-")[1]):
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make sure that a file's bytes, or a folder's names, survive a crash of the machine."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_running(pid: str) -> bool:
    """Whether a process of this machine has that id; True where that cannot be known."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        return True
    return True
