"""A dataset repository: on the Hugging Face hub, or in a local folder of the same layout.

`datasets` only says which files belong to which split of a configuration, which it finds out from
their names and the README. All bytes are fetched by `hn_assets.hub` and read by our own readers.
"""

import tempfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from hn_assets.errors import HubError
from hn_assets.hashing import hash_files, state_of_files
from hn_assets.hub import (
    STALL_SECONDS,
    HubFile,
    commit_on_hub,
    fetch_file,
    files_on_hub,
    reason_of,
    remember_commit,
)
from hn_assets.text import shorten
from hn_assets.time_limit import call_within

# what says in a repository how its files are laid out
_LAYOUT_FILES = ("README.md", ".huggingface.yaml")


class HubRepository:
    """A dataset of the hub at the commit at which it was first looked at.

    Args:
        name: The name on the hub.
        revision: A branch, a tag or a commit; None for the default branch.
    """

    def __init__(self, name: str, revision: str | None) -> None:
        self.name = name
        self.revision = revision

    @cached_property
    def commit(self) -> str:
        """The commit that is read, whatever becomes of the branch meanwhile.

        Raises:
            HubError: The hub does not say it.
        """
        return commit_on_hub(self.name, "dataset", self.revision)

    def describe_revision(self) -> str:
        """The revision, and its commit if that was asked for already."""
        revision = self.revision or "default branch"
        commit = self.__dict__.get("commit", revision)
        return revision if commit == revision else f"{revision}, commit {commit}"

    def state(self) -> str:
        """The commit that the revision is at now.

        Raises:
            HubError: The hub does not say it.
        """
        return commit_on_hub(self.name, "dataset", self.revision)

    def fingerprint(self) -> str:
        """The name and the commit, which stand for the content.

        Raises:
            HubError: The hub does not say which commit it is.
        """
        return f"{self.name}@{self.commit}"

    def files(self, configuration: str | None) -> Iterator[tuple[str, Path]]:
        """Yield the files of a configuration, each after the name of its split.

        Raises:
            HubError: The hub does not provide them, or there is no such configuration.
        """
        listed = {file.name: file for file in self._listed}
        laid_out = {
            name: fetch_file(self.name, "dataset", self.commit, listed[name])
            for name in _LAYOUT_FILES
            if name in listed
        }
        for split, name in _data_files(self.name, list(listed), laid_out, configuration):
            yield split, fetch_file(self.name, "dataset", self.commit, listed[name])
        remember_commit(self.name, "dataset", self.revision, self.commit)

    @cached_property
    def _listed(self) -> list[HubFile]:
        return files_on_hub(self.name, "dataset", self.commit)


class LocalRepository:
    """A folder in the layout that a dataset of the hub has.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = str(folder)

    def describe_revision(self) -> str:
        """That it has none."""
        return "local folder"

    def state(self) -> str:
        """A hash of the names, sizes and times of the files."""
        return state_of_files(self._paths())

    def fingerprint(self) -> str | None:
        """A hash of the names and bytes of the files, or None if one cannot be read."""
        try:
            return hash_files((self._name(path), path) for path in self._paths())
        except OSError:
            return None

    def files(self, configuration: str | None) -> Iterator[tuple[str, Path]]:
        """Yield the files of a configuration, each after the name of its split.

        Raises:
            HubError: There is no such configuration.
        """
        names = [self._name(path) for path in self._paths()]
        laid_out = {name: self.folder / name for name in _LAYOUT_FILES if name in names}
        for split, name in _data_files(self.name, names, laid_out, configuration):
            yield split, self.folder / name

    def _paths(self) -> list[Path]:
        """The files, without those of Git and of other hidden folders."""
        return [
            path
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not any(p[0] == "." for p in Path(self._name(path)).parts[:-1])
        ]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def open_repository(name: str, base: Path, revision: str | None) -> HubRepository | LocalRepository:
    """The folder of that name if there is one, else the dataset of the hub."""
    folder = base / Path(name).expanduser()
    return LocalRepository(folder) if folder.is_dir() else HubRepository(name, revision)


def _data_files(
    repository: str, names: list[str], laid_out: Mapping[str, Path], configuration: str | None
) -> list[tuple[str, str]]:
    """The names of the files of a configuration, each after the name of its split."""
    import datasets

    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as cache:
        # empty files of the same names, so that `datasets` neither fetches nor reads any data
        folder = Path(made).resolve() / "dataset"
        try:
            for name in names:
                if name in laid_out or not name.endswith(".py"):  # old releases would run a script
                    path = folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(laid_out[name].read_bytes() if name in laid_out else b"")
            # a README may name files of other servers, which `datasets` would ask
            builder: Any = call_within(
                STALL_SECONDS,
                lambda: datasets.load_dataset_builder(str(folder), configuration, cache_dir=cache),
            )
            found = [
                (str(split), Path(path).relative_to(folder).as_posix())
                for split, paths in (builder.config.data_files or {}).items()
                for path in paths or [""]
            ]
            if strange := [name for _, name in found if name not in names]:
                raise ValueError(f"{strange[0]} is no file of it")
        except Exception as error:  # `datasets` passes on the errors of every library below it
            reason = shorten(reason_of(error).replace(str(folder), repository), 300)
            what = f"configuration {configuration!r}" if configuration else "data"
            raise HubError(
                f"the dataset {repository} is not in the layout of BEIR's datasets on the hub: no "
                f"files of the {what} are found ({reason})"
            ) from error
    return found
