"""Checkpoints: what a killed training goes on from."""

import json
import re
import shutil
from pathlib import Path

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def newest_whole(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end; younger ones that were not are removed.

    The state of the trainer is written last, so that a checkpoint without it is not whole.
    """
    found = sorted(
        (int(match[1]), path)
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := _CHECKPOINT.fullmatch(path.name))
    )
    for _, path in reversed(found):
        if _is_whole(path):
            return str(path)
        shutil.rmtree(path, ignore_errors=True)
    return None


def remove_others(folder: Path, kept: str) -> None:
    """Remove the checkpoints of every training but one; those of a past one are of no use."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name != kept and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)


def _is_whole(path: Path) -> bool:
    try:
        json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
