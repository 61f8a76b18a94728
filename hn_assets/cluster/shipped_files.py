"""Files that a node needs, such as a model's: sent there once, and known by their hash."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from hn_assets.errors import ClusterError
from hn_assets.hashing import hash_files

PART_BYTES = 16 << 20
UNUSED_DAYS = 30  # after which a node removes what was sent to it, if nothing else is said


@dataclass(frozen=True)
class ShippedFiles:
    """Files of one folder.

    Attributes:
        folder: The folder, on the machine that sends them.
        name: What the folder is called on the nodes, since some models are known by their name.
        names: Their paths within it, with `/` between the parts, in order.
        sizes: Their sizes in bytes.
        digest: `sha256:...` of names and bytes.
        kept_days: How many days a node keeps them after their last use.
    """

    folder: str
    name: str
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    digest: str
    kept_days: int = UNUSED_DAYS

    @classmethod
    def of(
        cls, folder: Path, name: str, paths: Sequence[Path], *, kept_days: int = UNUSED_DAYS
    ) -> "ShippedFiles":
        """The files at some paths within a folder."""
        names = tuple(path.relative_to(folder).as_posix() for path in paths)
        return cls(
            str(folder),
            name,
            names,
            tuple(path.stat().st_size for path in paths),
            hash_files(zip(names, paths, strict=True)),
            kept_days,
        )

    def parts(self) -> Iterator[tuple[str, bytes]]:
        """The files in parts: names with the bytes that follow; each file has one part at least."""
        for name in self.names:
            with (Path(self.folder) / name).open("rb") as file:
                part = file.read(PART_BYTES)
                while True:
                    yield name, part
                    part = file.read(PART_BYTES)
                    if not part:
                        break


class NodeFiles:
    """The files that were sent to this node.

    They are kept in a folder of the user, under `$HN_WORK_DIR` if it is an absolute path, else in
    `~/.cache/hn_assets`.

    Args:
        files: Those that are wanted.
    """

    def __init__(self, files: ShippedFiles) -> None:
        self._files = files
        digest = files.digest.removeprefix("sha256:")[:32]
        kept = f"sent_to_nodes_for_{files.kept_days}_days"
        self._target = node_folder(kept) / digest / files.name
        self._draft: Path | None = None

    def find(self) -> Path | None:
        """The folder on this node that holds the files: the same as on the sender, or a copy."""
        for folder in (Path(self._files.folder), self._target):
            if folder.name == self._files.name and self._holds_all(folder):
                if folder == self._target:
                    os.utime(folder.parent)  # the time of its last use
                return folder
        return None

    def receive(self, name: str, part: bytes) -> None:
        """Take the next part of a file."""
        if self._draft is None:
            remove_unused(self._target.parent.parent, self._files.kept_days)
            self._draft = self._target.parent.parent / f".{uuid4().hex}"
        path = self._draft / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(part)

    def finish(self) -> Path:
        """The folder of the files, once all parts are there.

        Raises:
            ClusterError: They are not what was to be sent: they were written meanwhile.
        """
        if self._draft is not None:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._draft.rename(self._target)
            except OSError:  # another worker was faster, or what lies there is damaged
                if self.find() is None:
                    shutil.rmtree(self._target, ignore_errors=True)
                    self._draft.rename(self._target)
                shutil.rmtree(self._draft, ignore_errors=True)
            self._draft = None
        found = self.find()
        if found is None:
            shutil.rmtree(self._target.parent, ignore_errors=True)
            raise ClusterError(
                f"the files of {self._files.folder} were written while they were sent to the nodes "
                f"of Ray; start the run again once they are saved as a whole"
            )
        return found

    def _holds_all(self, folder: Path) -> bool:
        files = self._files
        paths = [folder / name for name in files.names]
        try:
            if tuple(path.stat().st_size for path in paths) != files.sizes:
                return False
            return hash_files(zip(files.names, paths, strict=True)) == files.digest
        except OSError:
            return False


def node_folder(name: str) -> Path:
    """A folder on this node for what outlives a worker.

    Args:
        name: What it is for.
    """
    work = Path(os.environ.get("HN_WORK_DIR", ""))
    base = work if work.is_absolute() else Path("~/.cache/hn_assets").expanduser()
    return base / name


def remove_unused(folder: Path, days: int = UNUSED_DAYS) -> None:
    """Remove what lies in a folder of this node and was not used for some days."""
    oldest = time.time() - days * 86_400
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.stat().st_mtime < oldest:
            shutil.rmtree(path, ignore_errors=True)
