"""The manifest of a stage: which files are its current version, and what they were made from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hn_assets.hashing import sha256_of

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What one version of a stage consists of.

    Attributes:
        version: The name of the version, made from its content: equal files have equal versions.
        files: The size in bytes and the SHA-256 of each file, by file name.
        info: What the files were made from (versions, settings) and what later stages want to
            know of them (row counts and the like), as values that JSON can hold.
    """

    version: str
    files: Mapping[str, Mapping[str, Any]]
    info: Mapping[str, Any]

    @classmethod
    def of_files(
        cls, files: Mapping[str, Mapping[str, Any]], info: Mapping[str, Any]
    ) -> "Manifest":
        """Make the manifest of files that `describe_file` has described."""
        digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
        return cls(digest[:16], files, info)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read what `to_json` wrote.

        Raises:
            ValueError: The text is not JSON, or it was changed since it was written.
            KeyError: A part of the manifest is missing.
            TypeError: The text is JSON, but not an object.
        """
        content = json.loads(text)
        if content["checksum"] != _checksum(content):
            raise ValueError("its checksum is wrong")
        return cls(content["version"], content["files"], content["info"])

    def to_json(self) -> str:
        """Write the manifest as JSON that holds its own checksum."""
        content = asdict(self)
        return json.dumps({**content, "checksum": _checksum(content)})


def describe_file(path: Path) -> dict[str, Any]:
    """Describe a file as manifests do, by its size in bytes and its SHA-256.

    Raises:
        OSError: The file cannot be read.
    """
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _checksum(content: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in content.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
