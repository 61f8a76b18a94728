"""The place of one stage: readers see its old version or its new one, never something between."""

import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from logging import getLogger
from pathlib import Path
from typing import Any

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
from hn_assets.store.checked_json import with_checksum
from hn_assets.store.draft import Draft
from hn_assets.store.holder import Holder
from hn_assets.store.manifest import (
    MANIFEST,
    MANIFEST_COPY,
    Manifest,
    describe_files,
    is_intact,
    is_version,
)
from hn_assets.store.published_stage import STAGING, PublishedStage
from hn_assets.store.remote_stage import RemoteStage
from hn_assets.store.version_folders import remove_unread
from hn_assets.store.waiting import Waiting
from hn_assets.store.write_errors import explained_write

LATEST = "latest"  # for people: the code reads the manifest
# for another publication, if the caller has not taken the lease before
SECONDS_TO_WAIT = 600.0


class StageStore(PublishedStage):
    """The place of one stage, where its next version is made."""

    @contextmanager
    def held(self, holder: Holder, waiting: Waiting) -> Iterator[None]:
        """Let nobody else publish the stage at the remote place, after waiting for whoever does.

        On one machine it is up to the caller that nobody else does.

        Args:
            holder: Who wants to publish.
            waiting: How long to wait.

        Raises:
            StoreBusyError: Another run holds the stage for longer than this one may wait.
            RemoteStoreError: The remote place cannot be read or written.
        """
        with ExitStack() as holding:
            if self._remote is not None:
                holding.enter_context(self._remote.held(holder, waiting))
            yield

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
        if self._remote is not None:
            self._remote.upload(self.folder / manifest.version, manifest, only_missing=True)
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
            LeaseLostError: Another run has taken over the stage meanwhile; nothing is replaced.
            RemoteStoreError: The remote place cannot be read or written.
        """
        waiting = Waiting(self.asset, SECONDS_TO_WAIT, getLogger(__name__))
        with explained_write(self.asset, self.folder), self.held(Holder.of_this_process(), waiting):
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
        current = self._current_manifest()
        if self._remote is not None:
            manifest = self._upload(self._remote, target, manifest, current)
        if draft.before_publication is not None:
            draft.before_publication(manifest)
        for name in (MANIFEST, MANIFEST_COPY):
            self._write(name, manifest.to_json())
        replace_link(self.folder / LATEST, manifest.version, prefix=STAGING)
        # the same version again must not cost the one before
        if current is None or manifest.version != current.version:
            self._remove_versions_except([manifest] if current is None else [manifest, current])
        return manifest

    def _upload(
        self, remote: RemoteStage, folder: Path, manifest: Manifest, current: Manifest | None
    ) -> Manifest:
        """Upload a version; return its manifest with where the files lie."""
        assert remote.lease is not None, "only the holder of the lease publishes"
        remote.lease.verify()
        number = upload = remote.lease.fencing_number
        if current is not None:
            remote.lease.refuse_later(current.fencing_number)
            if current.version == manifest.version:
                upload = current.upload
            else:
                remote.supersede(current)
        manifest = replace(manifest, fencing_number=number, upload=upload)
        remote.upload(folder, manifest, only_missing=False)
        return manifest

    def _write(self, name: str, text: str) -> None:
        """Replace a small file in one step, here and at the remote place."""
        if self._remote is not None:
            self._remote.write(name, text)
        replace_file(self.folder / name, text.encode(), prefix=STAGING)

    def _current_manifest(self) -> Manifest | None:
        try:
            return self.manifest()
        except StoreError:
            return None

    def _remove_versions_except(self, kept: Collection[Manifest]) -> None:
        """Remove old versions, except the last one and those that somebody reads."""
        versions = {manifest.version for manifest in kept}
        for path in self.folder.iterdir():
            if is_version(path.name) and path.name not in versions and not path.is_symlink():
                remove_unread(path)
        if self._remote is not None and self._remote.lease is not None:
            folders = {manifest.remote_folder for manifest in kept}
            self._remote.remove_old_folders(folders, self._remote.lease.fencing_number)
