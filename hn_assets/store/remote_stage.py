"""A stage at the remote place: who may publish it, its files, and which versions are removed."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hn_assets.errors import RemoteStoreError
from hn_assets.store.holder import Holder
from hn_assets.store.lease import Lease, take_lease
from hn_assets.store.manifest import MANIFEST, MANIFEST_COPY, NOTHING, Manifest
from hn_assets.store.remote import Remote
from hn_assets.store.waiting import Waiting

# A version is not removed for so long after another took its place and after its last file was
# written: machines that read its manifest before may still be copying its files.
KEPT_SECONDS = 3600.0
# of the empty file that is written into the folder of a version when another takes its place
SUPERSEDED = "superseded"

_FOLDER = re.compile(r"[0-9a-f]{16}(?:-(\d+))?")


class RemoteStage:
    """A stage at the remote place.

    The files of each upload lie in a folder of their own, which is named by the version and by the
    fencing number of the lease under which it began. No folder is used again once another has taken
    its place, so that whoever removes old folders, however late, removes none that is in use.

    Args:
        remote: The remote place.
        asset: The folder of the stage there.

    Attributes:
        lease: The lease of the stage while this process holds it.
    """

    def __init__(self, remote: Remote, asset: str) -> None:
        self.remote = remote
        self.asset = asset
        self.lease: Lease | None = None

    @property
    def url(self) -> str:
        """The URL of its folder."""
        return f"{self.remote.url}/{self.asset}"

    @contextmanager
    def held(self, holder: Holder, waiting: Waiting) -> Iterator[Lease]:
        """Hold the lease of the stage, after waiting for whoever holds it.

        Raises:
            StoreBusyError: Another run holds it for longer than this one may wait.
            RemoteStoreError: The remote place cannot be read or written.
        """
        if self.lease is not None:
            yield self.lease
            return
        with take_lease(self.remote, self.asset, holder, waiting, self._last_number) as lease:
            self.lease = lease
            try:
                if lease.taken_over:
                    self._refuse_earlier_holders(lease)
                yield lease
            finally:
                self.lease = None

    def read(self, name: str) -> bytes | None:
        """The bytes of a small file; None if it is missing."""
        return self.remote.read(f"{self.asset}/{name}")

    def write(self, name: str, text: str) -> None:
        """Replace a small file in one step.

        Raises:
            LeaseLostError: The lease of the stage was held and is lost.
            RemoteStoreError: The remote place cannot be read or written.
        """
        if self.lease is None:
            self.remote.write(f"{self.asset}/{name}", text)
        else:
            self.lease.write(name, text)

    def upload(self, folder: Path, manifest: Manifest, *, only_missing: bool) -> None:
        """Upload the files of a version, and those again that the remote place then lacks.

        Args:
            folder: The local folder of the version, whose files are whole.
            manifest: The manifest of the version.
            only_missing: Whether files that are there with the right size are left out.

        Raises:
            RemoteStoreError: The remote place cannot be reached, or does not keep what is written.
        """
        place = f"{self.asset}/{manifest.remote_folder}"
        names = self._missing(place, manifest) if only_missing else list(manifest.files)
        for _ in range(2):
            if not names:
                return
            for name in names:
                self.remote.upload(folder / name, f"{place}/{name}")
            names = self._missing(place, manifest)
        if names:
            raise RemoteStoreError(
                f"{self.remote.url}/{place} lacks {', '.join(names)} although they were uploaded; "
                f"see whether something else removes files there"
            )

    def download(self, manifest: Manifest, name: str, path: Path) -> bool:
        """Copy a file of a version to a local path; return false if there is no such file."""
        return self.remote.download(f"{self.asset}/{manifest.remote_folder}/{name}", path)

    def supersede(self, manifest: Manifest) -> None:
        """Note that another version is about to take the place of this one."""
        self.remote.write(f"{self.asset}/{manifest.remote_folder}/{SUPERSEDED}", "")

    def remove_old_folders(self, kept: Collection[str], before: int) -> None:
        """Remove the folders of versions that nobody reads any more.

        Args:
            kept: The names of the folders that stay in any case.
            before: The fencing number of the current version: later ones are not touched.

        Raises:
            RemoteStoreError: The remote place cannot be reached or written.
        """
        for name in self.remote.folders(self.asset):
            match = _FOLDER.fullmatch(name)
            if match is None or name in kept or int(match[1] or 0) >= before:
                continue
            age = self.remote.seconds_older(f"{self.asset}/{name}", than=f"{self.asset}/{MANIFEST}")
            if age >= KEPT_SECONDS:
                self.remote.remove_folder(f"{self.asset}/{name}")

    def _missing(self, place: str, manifest: Manifest) -> list[str]:
        found = self.remote.sizes(place)
        return [name for name, file in manifest.files.items() if found.get(name) != file["bytes"]]

    def _refuse_earlier_holders(self, lease: Lease) -> None:
        """Let whatever an earlier holder has yet to publish be refused, by another manifest.

        Raises:
            LeaseLostError: A later holder has done so already.
            RemoteStoreError: The remote place cannot be read or written.
        """
        path = f"{self.asset}/{MANIFEST}"
        while True:
            found = self.remote.read_tagged(path)
            manifest = NOTHING if found is None else _manifest_in(found.content)
            if manifest is None:
                manifest = _manifest_in(self.read(MANIFEST_COPY) or b"")
            if manifest is None:  # nothing is left to restore it from: it stays damaged
                text = f"damaged when the lease {lease.fencing_number} began\n"
            else:
                lease.refuse_later(manifest.fencing_number)
                text = replace(manifest, fencing_number=lease.fencing_number).to_json()
            tag = None if found is None else found.tag
            if self.remote.replace(path, text, tag) is not None:
                return

    def _last_number(self) -> int:
        found = [_manifest_in(self.read(name) or b"") for name in (MANIFEST, MANIFEST_COPY)]
        return max(
            (manifest.fencing_number for manifest in found if manifest is not None), default=0
        )


def _manifest_in(content: bytes) -> Manifest | None:
    """The manifest in a file; None if it is damaged."""
    try:
        return Manifest.from_json(content)
    except ValueError:
        return None
