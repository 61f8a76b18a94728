"""The place of one stage: readers see its old version or its new one, never something between."""

import errno
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from hn_assets.errors import StoreError
from hn_assets.store.atomic_files import (
    make_folder,
    remove_unfinished,
    replace_file,
    replace_link,
    sync,
    sync_all,
    unfinished_path,
)
from hn_assets.store.checked_json import checked_json, with_checksum
from hn_assets.store.draft import Draft
from hn_assets.store.manifest import (
    MANIFEST,
    MANIFEST_COPY,
    FileDescription,
    Manifest,
    describe_file,
    describe_files,
    is_intact,
    is_version,
)
from hn_assets.store.remote import Remote
from hn_assets.store.remote_versions import remove_old_versions, upload_missing
from hn_assets.store.write_errors import explained_write

LATEST = "latest"  # for people: the code reads the manifest
STAGING = ".staging"

T = TypeVar("T")


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
            StoreError: There is a manifest, but neither it nor its copy can be read.
        """
        try:
            return self._read_manifest(MANIFEST)
        except StoreError:
            try:
                if (copy := self._read_manifest(MANIFEST_COPY)) is not None:
                    return copy
            except StoreError:
                pass
            raise

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

    def complete(self, manifest: Manifest) -> list[str]:
        """Make up for what a run that was cut off, or another machine, left out of a version.

        Afterwards the manifest and its copy are whole, `latest` points at the version, every file
        lies at the remote place with its size, and nothing unfinished is left.

        Args:
            manifest: The manifest of the current version, whose files were verified.

        Returns:
            What was damaged and is whole again, for people.

        Raises:
            StoreError: The local folder cannot be written.
            RemoteStoreError: The remote place cannot be read or written.
        """
        if self.remote is not None:
            folder = self.folder / manifest.version
            upload_missing(self.remote, self.asset, folder, manifest)
        replace_link(self.folder / LATEST, manifest.version, prefix=STAGING)
        remove_unfinished(self.folder, STAGING)
        mended: list[str] = []
        for name in (MANIFEST, MANIFEST_COPY):
            try:
                if self._read_manifest(name) == manifest:
                    continue
            except StoreError:
                mended.append(f"{self.where(name)} was damaged and is restored")
            with explained_write(self.asset, self.folder):
                self._write(name, manifest.to_json())
        return mended

    def read_note(self, name: str, shape: type[T]) -> T | None:
        """What `write_note` wrote.

        Args:
            name: The name of the file.
            shape: What the note must be: a class that pydantic can validate.

        Returns:
            None if there is no note that can be read, was not changed, and is of that shape.
        """
        try:
            content = self._read(name)
            if content is None:
                return None
            return checked_json(content, shape, checksum_required=False)
        except (OSError, ValueError):
            return None

    def write_note(self, name: str, note: Mapping[str, Any]) -> None:
        """Write a JSON file beside the versions, for facts that no later stage depends on.

        Raises:
            StoreError: The store cannot be written.
        """
        with explained_write(self.asset, self.folder):
            make_folder(self.folder)
            self._write(name, with_checksum(note))

    @contextmanager
    def publish(self) -> Iterator[Draft]:
        """Write the next version, which replaces the current one if the block raises no error.

        Raises:
            StoreError: The store cannot be written: there is no space, no permission, or a file
                stands in the place of a folder.
        """
        with explained_write(self.asset, self.folder):
            make_folder(self.folder)
            remove_unfinished(self.folder, STAGING)
            with unfinished_path(self.folder, STAGING) as staging:
                staging.mkdir()
                draft = Draft(staging)
                yield draft
                draft.manifest = self._commit(draft)

    def _commit(self, draft: Draft) -> Manifest:
        files = describe_files(draft.folder)
        manifest = Manifest.of_files(files, draft.info)
        target = self.folder / manifest.version
        sync_all(draft.folder)
        if not is_intact(target, files):
            shutil.rmtree(target, ignore_errors=True)
            draft.folder.replace(target)
            sync(self.folder)
        previous = self._current_version()
        if self.remote is not None:
            for name in files:
                self.remote.upload(target / name, f"{self.asset}/{manifest.version}/{name}")
            upload_missing(self.remote, self.asset, target, manifest)
        if draft.before_publication is not None:
            draft.before_publication(manifest)
        for name in (MANIFEST, MANIFEST_COPY):
            self._write(name, manifest.to_json())
        replace_link(self.folder / LATEST, manifest.version, prefix=STAGING)
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
        if actual != expected:
            raise StoreError(
                f"{path} is damaged: its checksum is not the one in {MANIFEST}; "
                f"materialize {self.asset} again"
            )
        return path

    def _fetch(self, version: str, name: str, expected: FileDescription) -> FileDescription:
        """Describe the local file, after a remote one was copied if the local one differs."""
        path = self.folder / version / name
        if self.remote is not None:
            try:
                actual = describe_file(path)
                if actual == expected:
                    return actual
            except OSError:
                pass
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished_path(self.folder, STAGING) as copy:
                if not self.remote.download(f"{self.asset}/{version}/{name}", copy):
                    raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
                copy.replace(path)
        return describe_file(path)

    def _read_manifest(self, name: str) -> Manifest | None:
        try:
            content = self._read(name)
            return None if content is None else Manifest.from_json(content)
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{self.where(name)} is damaged ({error}); materialize {self.asset} again"
            ) from error

    def _read(self, name: str) -> bytes | None:
        """The bytes of a small file, remote if there is a remote place; None if it is missing."""
        if self.remote is not None:
            return self.remote.read(f"{self.asset}/{name}")
        try:
            return (self.folder / name).read_bytes()
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

    def _remove_versions_except(self, kept: set[str | None]) -> None:
        """Remove old versions, except the last one, which readers may still have open."""
        for path in self.folder.iterdir():
            if is_version(path.name) and path.name not in kept and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
        if self.remote is not None:
            remove_old_versions(self.remote, self.asset, kept)
