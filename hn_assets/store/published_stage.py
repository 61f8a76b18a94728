"""What a stage has published, as readers see it: a version that is whole, or an error."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from hn_assets.errors import StoreError
from hn_assets.store.atomic_files import make_folder, unfinished_path
from hn_assets.store.checked_json import checked_json
from hn_assets.store.manifest import (
    MANIFEST,
    MANIFEST_COPY,
    NOTHING,
    FileDescription,
    Manifest,
    describe_file,
)
from hn_assets.store.remote import Remote
from hn_assets.store.remote_stage import RemoteStage
from hn_assets.store.version_folders import reading

STAGING = ".staging"

T = TypeVar("T")


class PublishedStage:
    """The published versions of one stage.

    Args:
        folder: The local folder of the stage.
        asset: The name of the stage in messages and at the remote place: `<dataset>/<stage>`.
        remote: The place that counts, if it is given; `folder` then holds copies.
    """

    def __init__(self, folder: Path, asset: str, remote: Remote | None = None) -> None:
        self.folder = folder
        self.asset = asset
        self._remote = None if remote is None else RemoteStage(remote, asset)

    def where(self, what: Manifest | str) -> str:
        """Where a version, or a file beside the versions, lies: a path or URL to show to people."""
        if isinstance(what, Manifest):
            return self.where(what.version if self._remote is None else what.remote_folder)
        return f"{self.folder if self._remote is None else self._remote.url}/{what}"

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

    @contextmanager
    def reading(self) -> Iterator[Manifest]:
        """The manifest of the current version, whose local files stay until the block ends.

        Raises:
            StoreError: The stage was never materialized, or its manifest is damaged.
        """
        before: Manifest | None = None
        while True:
            manifest = self.require()
            folder = self.folder / manifest.version
            if self._remote is not None:  # the files are copied when they are asked for
                make_folder(folder)
            with reading(folder) as is_there:
                # another run may have just removed it, after it published two others
                if is_there or manifest == before:
                    yield manifest
                    return
            before = manifest

    def file(self, name: str, manifest: Manifest | None = None) -> Path:
        """The path of one file of a version, after its checksum was verified.

        Args:
            name: The name of the file.
            manifest: The manifest of the version; by default that of the current one.

        Raises:
            StoreError: The stage was never materialized, or the file is missing or is not the one
                that was published.
        """
        return self._verify(self.require() if manifest is None else manifest, name)

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

    def _verify(self, manifest: Manifest, name: str) -> Path:
        path = self.folder / manifest.version / name
        expected = manifest.files.get(name)
        if expected is None:
            raise StoreError(f"{self.asset} has no file {name}; materialize it again")
        try:
            actual = self._fetch(manifest, name, expected)
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

    def _fetch(self, manifest: Manifest, name: str, expected: FileDescription) -> FileDescription:
        """Describe the local file, after a remote one was copied if the local one differs."""
        path = self.folder / manifest.version / name
        if self._remote is not None:
            try:
                actual = describe_file(path)
                if actual == expected:
                    return actual
            except OSError:
                pass
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished_path(self.folder, STAGING) as copy:
                if not self._remote.download(manifest, name, copy):
                    raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
                copy.replace(path)
        return describe_file(path)

    def _read_manifest(self, name: str) -> Manifest | None:
        try:
            content = self._read(name)
            manifest = NOTHING if content is None else Manifest.from_json(content)
            return manifest if manifest.files else None
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{self.where(name)} is damaged ({error}); materialize {self.asset} again"
            ) from error

    def _read(self, name: str) -> bytes | None:
        """The bytes of a small file, remote if there is a remote place; None if it is missing."""
        if self._remote is not None:
            return self._remote.read(name)
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
