"""The place of one stage: readers see its old version or its new one, never something between."""

import errno
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from hn_assets.errors import StoreError
from hn_assets.store.atomic_files import remove_unfinished, replace_file, sync, unfinished_path
from hn_assets.store.manifest import MANIFEST, Manifest, describe_file
from hn_assets.store.remote import Remote

LATEST = "latest"
STAGING = ".staging"


@dataclass
class Draft:
    """The next version of a stage while its files are being written; readers do not see it yet.

    Attributes:
        folder: The folder that the files are written to.
        info: What will stand in the manifest beside the files.
        manifest: The manifest, as soon as the version is published.
    """

    folder: Path
    info: dict[str, Any] = field(default_factory=dict)
    manifest: Manifest | None = None

    def path(self, name: str) -> Path:
        """The path at which the file `name` is to be written."""
        return self.folder / name


class StageStore:
    """The place of one stage.

    Args:
        folder: The local folder of the stage.
        asset: The name of the stage in messages and at the remote place: `<dataset>/<stage>`.
        remote: The place that counts, if it is given; `folder` then holds copies.
    """

    def __init__(self, folder: Path, asset: str, remote: Remote | None = None) -> None:
        self.folder = folder
        self.asset = asset
        self.remote = remote

    def where(self, version: str) -> str:
        """The folder or the URL of a version, to be shown to people."""
        place = f"{self.remote.url}/{self.asset}" if self.remote else str(self.folder)
        return f"{place}/{version}"

    def manifest(self) -> Manifest | None:
        """The manifest of the current version, or None if the stage was never materialized.

        Raises:
            StoreError: There is a manifest, but it cannot be read.
        """
        try:
            text = self._read(MANIFEST)
            return None if text is None else Manifest.from_json(text)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{self.where(MANIFEST)} is damaged ({error}); materialize {self.asset} again"
            ) from error

    def require(self) -> Manifest:
        """The manifest of the current version.

        Raises:
            StoreError: The stage was never materialized, or its manifest is damaged.
        """
        manifest = self.manifest()
        if manifest is None:
            raise StoreError(
                f"{self.asset} has not been materialized under {self.folder.parent.parent}; "
                f"materialize it first"
            )
        return manifest

    def verified(self) -> Manifest | None:
        """The manifest of the current version, after every file's checksum was verified.

        Returns:
            The manifest, or None if the stage was never materialized.

        Raises:
            StoreError: The manifest or a file is damaged or missing.
        """
        manifest = self.manifest()
        if manifest is not None:
            for name in manifest.files:
                self._verify(manifest, name)
        return manifest

    def file(self, name: str) -> Path:
        """The path of one file of the current version, after its checksum was verified.

        Raises:
            StoreError: The stage was never materialized, or the file is missing or is not the one
                that was published.
        """
        return self._verify(self.require(), name)

    def read_note(self, name: str) -> dict[str, Any] | None:
        """What `write_note` wrote, or None if there is nothing that can be read."""
        try:
            return json.loads(self._read(name) or "null")
        except (OSError, ValueError):
            return None

    def write_note(self, name: str, note: Mapping[str, Any]) -> None:
        """Write a JSON file beside the versions, for facts that no later stage depends on."""
        self._write(name, json.dumps(note))

    @contextmanager
    def publish(self) -> Iterator[Draft]:
        """Write the next version, which replaces the current one if the block raises no error.

        Raises:
            StoreError: The store cannot be written: there is no space, no permission, or a file
                stands in the place of a folder.
        """
        staging = unfinished_path(self.folder, STAGING)
        try:
            remove_unfinished(self.folder, STAGING)
            staging.mkdir(parents=True)
            draft = Draft(staging)
            yield draft
            draft.manifest = self._commit(draft)
        except OSError as error:
            if not _is_about(error.filename, self.folder):
                raise
            raise StoreError(
                f"{self.asset} cannot be written to {self.folder}: {error.strerror or error}; "
                f"what was there before is unchanged. Free some space or set HN_DATA_DIR to a "
                f"folder that can be written"
            ) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _commit(self, draft: Draft) -> Manifest:
        files: dict[str, dict[str, Any]] = {}
        for path in sorted(draft.folder.rglob("*")):
            sync(path)
            if path.is_file():
                files[path.relative_to(draft.folder).as_posix()] = describe_file(path)
        manifest = Manifest.of_files(files, draft.info)
        target = self.folder / manifest.version
        if not _is_intact(target, files):
            shutil.rmtree(target, ignore_errors=True)
            draft.folder.replace(target)
            sync(self.folder)
        previous = self._current_version()
        if self.remote is not None:
            for name in files:
                self.remote.upload(target / name, f"{self.asset}/{manifest.version}/{name}")
        self._write(MANIFEST, manifest.to_json())
        self._link_latest(manifest.version)
        if manifest.version != previous:  # the same version again must not cost the one before
            self._remove_versions_except({manifest.version, previous})
        return manifest

    def _verify(self, manifest: Manifest, name: str) -> Path:
        path = self.folder / manifest.version / name
        expected = manifest.files.get(name)
        if expected is None:
            raise StoreError(f"{self.asset} has no file {name}; materialize it again")
        try:
            actual = self._fetch(manifest.version, name, expected)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be read ({error.strerror}); materialize {self.asset} again"
            ) from error
        if actual != dict(expected):
            raise StoreError(
                f"{path} is damaged: its checksum is not the one in {MANIFEST}; "
                f"materialize {self.asset} again"
            )
        return path

    def _fetch(self, version: str, name: str, expected: Mapping[str, Any]) -> dict[str, Any]:
        """Describe the local file, after a remote one was copied if the local one differs."""
        path = self.folder / version / name
        if self.remote is not None:
            try:
                actual = describe_file(path)
                if actual == dict(expected):
                    return actual
            except OSError:
                pass
            path.parent.mkdir(parents=True, exist_ok=True)
            copy = unfinished_path(self.folder, STAGING)
            try:
                if not self.remote.download(f"{self.asset}/{version}/{name}", copy):
                    raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
                copy.replace(path)
            finally:
                copy.unlink(missing_ok=True)
        return describe_file(path)

    def _read(self, name: str) -> str | None:
        """The text of a small file, remote if there is a remote place; None if it is missing."""
        if self.remote is not None:
            return self.remote.read(f"{self.asset}/{name}")
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _write(self, name: str, text: str) -> None:
        """Replace a small file in one step, here and at the remote place."""
        if self.remote is not None:
            self.remote.write(f"{self.asset}/{name}", text)
        replace_file(self.folder / name, text.encode(), prefix=STAGING)

    def _current_version(self) -> str | None:
        try:
            manifest = self.manifest()
        except StoreError:
            return None
        return manifest.version if manifest else None

    def _link_latest(self, version: str) -> None:
        """Let `latest` point at the current version, for people; the code reads the manifest."""
        link = self.folder / f".{LATEST}-{uuid4().hex[:8]}"
        try:
            link.symlink_to(version)
            link.replace(self.folder / LATEST)
        except OSError:  # some file systems have no links
            link.unlink(missing_ok=True)

    def _remove_versions_except(self, kept: set[str | None]) -> None:
        """Remove old versions, except the last one, which readers may still have open."""
        for path in self.folder.iterdir():
            is_version = path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
            if is_version and path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)
        if self.remote is not None:
            for name in self.remote.folders(self.asset):
                if name not in kept:
                    self.remote.remove_folder(f"{self.asset}/{name}")


def _is_intact(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> bool:
    try:
        found = {
            path.relative_to(folder).as_posix(): describe_file(path)
            for path in folder.rglob("*")
            if path.is_file()
        }
        return found == files
    except OSError:
        return False


def _is_about(filename: Any, folder: Path) -> bool:
    """Whether an OSError is about the store; one without a file name (a full disk) is."""
    if filename is None:
        return True
    path = Path(str(filename))
    return path.is_relative_to(folder) or folder.is_relative_to(path)
