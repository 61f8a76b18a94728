"""A cache of the Hugging Face hub's client, laid out as the client does, without a hub."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest


def make_hub_cache(
    folder: Path,
    name: str,
    commits: Mapping[str, Path],
    branches: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Make the client find a model in its cache.

    Args:
        folder: The folder of the cache.
        name: The name of the model on the hub, such as `BAAI/bge-m3`.
        commits: The files of each commit, as a folder.
        branches: The commit of each branch.
        monkeypatch: Sets the client's cache until the end of the test.
    """
    place = folder / f"models--{name.replace('/', '--')}"
    for commit, files in commits.items():
        shutil.copytree(files, place / "snapshots" / commit)
    (place / "refs").mkdir()
    for branch, commit in branches.items():
        move_branch(folder, name, branch, commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))


def move_branch(folder: Path, name: str, branch: str, commit: str) -> None:
    """Let a branch of a model in the cache be at another commit."""
    place = folder / f"models--{name.replace('/', '--')}" / "refs" / branch
    place.write_text(commit)
