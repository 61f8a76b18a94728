"""The versions of a stage at its remote place: whether they are whole, and which are removed."""

from collections.abc import Collection
from pathlib import Path

from hn_assets.errors import RemoteStoreError
from hn_assets.store.manifest import MANIFEST, Manifest, is_version
from hn_assets.store.remote import Remote

# Another machine may have copied a version to the remote place whose manifest it has yet to write;
# versions younger than this are not removed there.
KEPT_SECONDS = 3600.0


def upload_missing(remote: Remote, asset: str, folder: Path, manifest: Manifest) -> None:
    """Upload the files of a version that the remote place lacks or has in another size.

    Args:
        remote: The remote place.
        asset: The folder of the stage there.
        folder: The local folder of the version, whose files are whole.
        manifest: The manifest of the version.

    Raises:
        RemoteStoreError: The remote place cannot be reached, or does not keep what is written.
    """
    place = f"{asset}/{manifest.version}"
    if missing := _missing(remote, place, manifest):
        for name in missing:
            remote.upload(folder / name, f"{place}/{name}")
        if missing := _missing(remote, place, manifest):
            raise RemoteStoreError(
                f"{remote.url}/{place} lacks {', '.join(missing)} although they were uploaded; "
                f"see whether something else removes files there"
            )


def remove_old_versions(remote: Remote, asset: str, kept: Collection[str | None]) -> None:
    """Remove the versions that are not kept and are older than the manifest by `KEPT_SECONDS`.

    Raises:
        RemoteStoreError: The remote place cannot be reached or written.
    """
    for name in remote.folders(asset):
        if is_version(name) and name not in kept:
            age = remote.seconds_older(f"{asset}/{name}", than=f"{asset}/{MANIFEST}")
            if age >= KEPT_SECONDS:
                remote.remove_folder(f"{asset}/{name}")


def _missing(remote: Remote, place: str, manifest: Manifest) -> list[str]:
    found = remote.sizes(place)
    return [name for name, file in manifest.files.items() if found.get(name) != file["bytes"]]
