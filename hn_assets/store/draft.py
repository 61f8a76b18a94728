"""The next version of a stage while it is written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hn_assets.store.manifest import Manifest


@dataclass
class Draft:
    """The next version of a stage while its files are being written; readers do not see it yet.

    Attributes:
        folder: The folder that the files are written to.
        info: What will stand in the manifest beside the files.
        before_publication: Is called with the manifest when the files are in place and readers do
            not see them yet, so that what it writes is there whenever the version is.
        manifest: The manifest, as soon as the version is published.
    """

    folder: Path
    info: dict[str, Any] = field(default_factory=dict)
    before_publication: Callable[[Manifest], None] | None = None
    manifest: Manifest | None = None

    def path(self, name: str) -> Path:
        """The path at which the file `name` is to be written."""
        return self.folder / name
