"""A folder per stage, replaced atomically: a reader sees the old asset or the new one."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from hn_assets.errors import StoreError
from hn_assets.hashing import sha256_of
from hn_assets.store.atomic_files import is_running, replace_file, sync
from hn_assets.store.remote import Remote

MANIFEST = "manifest.json"
LATEST = "latest"


@dataclass(frozen=True)
class Manifest:
    """What one version of a stage consists of.

    Attributes:
        version: names the content: equal files give an equal version.
        files: size in bytes and SHA-256 of each file, by name.
        info: what made them (fingerprints, settings, row counts), for the stages that read them.
    """

    version: str
    files: Mapping[str, Mapping[str, Any]]
    info: Mapping[str, Any]


@dataclass
class Draft:
    """Files being written for the next version of a stage; nobody sees them yet."""

    folder: Path
    info: dict[str, Any] = field(default_factory=dict)
    manifest: Manifest | None = None

    def path(self, name: str) -> Path:
        """Where to write the file `name`."""
        return self.folder / name


class Store:
    """All stages of one dataset under `<root>/<dataset>`.

    Args:
        root: local folder.
        dataset: name.
        remote: where finished assets are kept beside that; what is there counts, and `root` holds
            copies of it.

    >>> store = Store(Path("data"), "scifact")
    >>> store.stage("corpus").folder.as_posix()
    'data/scifact/corpus'
    """

    def __init__(self, root: Path, dataset: str, remote: Remote | None = None) -> None:
        self.root = root
        self.dataset = dataset
        self.remote = remote

    @property
    def vectors(self) -> Path:
        """Where the encoder keeps every vector it has made, for runs to come."""
        return self.root / self.dataset / "vector_cache"

    def lock(self, what: str) -> Path:
        """The file to lock while `what` is made."""
        return self.root / self.dataset / f".{what}.lock"

    def stage(self, name: str) -> "Stage":
        """The stage `name`, whether or not it was ever materialized."""
        asset = f"{self.dataset}/{name}"
        return Stage(self.root / self.dataset / name, asset, self.remote)


def open_store(base: Path, dataset: str, environment: Mapping[str, str]) -> Store:
    """The store that the environment names.

    Args:
        base: the folder that relative paths start from.
        dataset: name.
        environment: `HN_DATA_DIR` is a folder (default `data`) or a URL such as
            `s3://bucket/assets`; with a URL, `HN_WORK_DIR` (default `data`) is the local folder.
    """
    location = environment.get("HN_DATA_DIR") or "data"
    if "://" not in location:
        return Store(base / location, dataset)
    return Store(base / (environment.get("HN_WORK_DIR") or "data"), dataset, Remote(location))


class Stage:
    """One asset's place in the store."""

    def __init__(self, folder: Path, asset: str, remote: Remote | None = None) -> None:
        self.folder = folder
        self.asset = asset
        self.remote = remote

    def where(self, version: str) -> str:
        """The folder or URL of a version, for people."""
        place = f"{self.remote.url}/{self.asset}" if self.remote else str(self.folder)
        return f"{place}/{version}"

    def manifest(self) -> Manifest | None:
        """The current version, or None where the asset was never materialized.

        Raises:
            StoreError: the manifest is there but cannot be read.
        """
        path = self.where(MANIFEST)
        try:
            text = self._read(MANIFEST)
            if text is None:
                return None
            raw = json.loads(text)
            if raw["checksum"] != _checksum(raw):
                raise ValueError("its checksum is wrong")
            return Manifest(raw["version"], raw["files"], raw["info"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{path} is damaged ({error}); materialize {self.asset} again"
            ) from error

    def require(self) -> Manifest:
        """The current version.

        Raises:
            StoreError: the asset was never materialized, or its manifest is damaged.
        """
        manifest = self.manifest()
        if manifest is None:
            raise StoreError(
                f"{self.asset} has not been materialized under {self.folder.parent.parent}; "
                f"materialize it first"
            )
        return manifest

    def verified(self) -> Manifest | None:
        """The current version, every file's checksum verified; None if never materialized.

        Raises:
            StoreError: the manifest or a file is damaged or gone.
        """
        manifest = self.manifest()
        if manifest is not None:
            for name in manifest.files:
                self._verify(manifest, name)
        return manifest

    def note(self, name: str) -> dict[str, Any] | None:
        """What was kept by `keep_note`; None where there is nothing that can be read."""
        try:
            return json.loads(self._read(name) or "null")
        except (OSError, ValueError):
            return None

    def keep_note(self, name: str, note: Mapping[str, Any]) -> None:
        """Keep something beside the versions that no later stage depends on."""
        self._write(name, json.dumps(note))

    def file(self, name: str) -> Path:
        """The path of one file of the current version, its checksum verified.

        Raises:
            StoreError: never materialized, missing, or not the bytes that were published.
        """
        return self._verify(self.require(), name)

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

    @contextmanager
    def publish(self) -> Iterator[Draft]:
        """Write the next version; it replaces the current one when the block ends without error.

        Raises:
            StoreError: the store cannot be written (no space, no permission, not a folder).
        """
        staging = self.folder / f".staging-{os.getpid()}-{uuid4().hex[:8]}"
        try:
            self._sweep()
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
        for path in sorted(draft.folder.iterdir()):
            sync(path)
            files[path.name] = _describe_file(path)
        digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
        manifest = Manifest(digest[:16], files, draft.info)

        target = self.folder / manifest.version
        if not self._is_intact(target, files):
            shutil.rmtree(target, ignore_errors=True)
            draft.folder.replace(target)
            sync(self.folder)
        previous = self._current_version()
        if self.remote is not None:
            for name in files:
                path = target / name
                self.remote.upload(path, f"{self.asset}/{manifest.version}/{name}")
        raw = {"version": manifest.version, "files": files, "info": draft.info}
        self._write(MANIFEST, json.dumps({**raw, "checksum": _checksum(raw)}))
        self._link_latest(manifest.version)
        if manifest.version != previous:  # the same again must not cost the version before
            self._prune({manifest.version, previous})
        return manifest

    def _read(self, name: str) -> str | None:
        """A small file of the stage, which may be a remote one; None where there is none."""
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
        replace_file(self.folder / name, text.encode(), prefix=".staging")

    def _fetch(self, version: str, name: str, expected: Mapping[str, Any]) -> dict[str, Any]:
        """What the local file is; a copy of the remote one where there is none, or another."""
        path = self.folder / version / name
        if self.remote is not None:
            try:
                actual = _describe_file(path)
                if actual == dict(expected):
                    return actual
            except OSError:
                pass
            path.parent.mkdir(parents=True, exist_ok=True)
            copy = self.folder / f".staging-{os.getpid()}-{uuid4().hex[:8]}.copy"
            try:
                if not self.remote.download(f"{self.asset}/{version}/{name}", copy):
                    raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
                copy.replace(path)
            finally:
                copy.unlink(missing_ok=True)
        return _describe_file(path)

    def _is_intact(self, folder: Path, files: Mapping[str, Mapping[str, Any]]) -> bool:
        try:
            return {path.name: _describe_file(path) for path in folder.iterdir()} == files
        except OSError:
            return False

    def _current_version(self) -> str | None:
        try:
            manifest = self.manifest()
        except StoreError:
            return None
        return manifest.version if manifest else None

    def _link_latest(self, version: str) -> None:
        """Point `latest` at the current version, for people; our own code reads the manifest."""
        link = self.folder / f".{LATEST}-{uuid4().hex[:8]}"
        try:
            link.symlink_to(version)
            link.replace(self.folder / LATEST)
        except OSError:  # file systems without links
            link.unlink(missing_ok=True)

    def _prune(self, keep: set[str | None]) -> None:
        """Keep the current version, and the one before for readers that still have it open."""
        versions = [
            path
            for path in self.folder.iterdir()
            if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
        ]
        for path in versions:
            if path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)
        if self.remote is not None:
            for name in self.remote.folders(self.asset):
                if name not in keep:
                    self.remote.remove_folder(f"{self.asset}/{name}")

    def _sweep(self) -> None:
        """Remove what a run that was killed left half written."""
        if not self.folder.is_dir():
            return
        for path in self.folder.glob(".staging-*"):
            if not is_running(path.name.split("-")[1]):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _is_about(filename: Any, folder: Path) -> bool:
    """Whether an OSError is about the store; one without a file name (a full disk) counts."""
    if filename is None:
        return True
    path = Path(str(filename))
    return path.is_relative_to(folder) or folder.is_relative_to(path)


def _describe_file(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _checksum(raw: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in raw.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
