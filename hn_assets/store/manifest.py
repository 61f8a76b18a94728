"""The manifest of a stage: which files are its current version, and what they were made from."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic.dataclasses import dataclass
from typing_extensions import TypedDict

from hn_assets.hashing import sha256_of
from hn_assets.store.checked_json import checked_json, with_checksum

MANIFEST = "manifest.json"
# is read if the manifest is damaged, since it holds what no later run can find out again: the
# history of measurements, and what the checks compare with
MANIFEST_COPY = "manifest-copy.json"

_VERSION = re.compile(r"[0-9a-f]{16}")


def is_version(name: str) -> bool:
    """Whether a name is that of a version, and so of a folder that this package may remove.

    >>> is_version("0123456789abcdef"), is_version("..")
    (True, False)
    """
    return _VERSION.fullmatch(name) is not None


def _plain_path(name: str) -> str:
    """A file name, or a relative path of plain names, that cannot lead out of its folder.

    Raises:
        ValueError: It is something else.
    """
    plain = name.isprintable() and "\\" not in name
    if not plain or not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise ValueError(f"{name!r} is not the name of a file within the folder of a version")
    return name


class FileDescription(TypedDict):
    """What a manifest says of a file: its size in bytes, and the hexadecimal SHA-256 of them."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Manifest:
    """What one version of a stage consists of.

    Attributes:
        version: The name of the version, made from its content: equal files have equal versions.
        files: The size in bytes and the SHA-256 of each file, by file name.
        info: What the files were made from (versions, settings) and what later stages want to
            know of them (row counts and the like), as values that JSON can hold.
        fencing_number: That of the lease under which it was written; 0 in a store without leases.
        upload: That of the lease under which the files were uploaded, which is a part of the name
            of their folder at a remote place; 0 if it is not.

    Raises:
        ValueError: The version is not that of the files, or a name leads out of the folder.
    """

    version: str
    files: dict[Annotated[str, AfterValidator(_plain_path)], FileDescription]
    info: dict[str, Any]
    fencing_number: Annotated[int, Field(ge=0, strict=True)] = 0
    upload: Annotated[int, Field(ge=0, strict=True)] = 0

    def __post_init__(self) -> None:
        if self.version != _version_of(self.files):
            raise ValueError(f"{self.version!r} is not the version of its files")

    @property
    def remote_folder(self) -> str:
        """The name of the folder of its files at a remote place."""
        return f"{self.version}-{self.upload}" if self.upload else self.version

    @classmethod
    def of_files(cls, files: Mapping[str, FileDescription], info: Mapping[str, Any]) -> "Manifest":
        """Make the manifest of files that `describe_file` has described."""
        return cls(_version_of(files), dict(files), dict(info))

    @classmethod
    def from_json(cls, content: bytes) -> "Manifest":
        """Read what `to_json` wrote.

        Raises:
            ValueError: The bytes are no manifest, or were changed since they were written.
        """
        return checked_json(content, cls)

    def to_json(self) -> str:
        """Write the manifest as JSON that holds its own checksum."""
        return with_checksum(asdict(self))


def describe_file(path: Path) -> FileDescription:
    """Describe a file as manifests do, by its size in bytes and its SHA-256.

    Raises:
        OSError: The file cannot be read.
    """
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def describe_files(folder: Path) -> dict[str, FileDescription]:
    """Describe every file in a folder and below, by its path there.

    Raises:
        OSError: A file cannot be read.
    """
    return {
        path.relative_to(folder).as_posix(): describe_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def is_intact(folder: Path, files: Mapping[str, FileDescription]) -> bool:
    """Whether a folder holds these files and no others."""
    try:
        return describe_files(folder) == files
    except OSError:
        return False


def _version_of(files: Mapping[str, FileDescription]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]


# the manifest of a stage that has no version yet, but had a holder of its lease that may come late
NOTHING = Manifest.of_files({}, {})
