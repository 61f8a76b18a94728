"""A model whose files are sent to another machine, and loaded there."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hn_assets.cluster.shipped_files import ShippedFiles
from hn_assets.encoding.models.hub_model import model_folder
from hn_assets.encoding.models.model_files import model_files
from hn_assets.encoding.models.unchanged import hash_folder


def files_of_model(location: str, commit: str | None) -> ShippedFiles:
    """The files of a model, to be sent.

    Args:
        location: Its folder or hub name.
        commit: The commit of a hub model; None for a folder.
    """
    folder = Path(model_folder(location, commit))
    return ShippedFiles.of(folder, Path(location).name, model_files(folder))


@dataclass(frozen=True)
class LoadSentModel:
    """Loads a model from the folder that its files were sent to.

    Attributes:
        load: Loads a model on a device; its argument `identity` says which one and where it is.
    """

    load: "partial[Any]"

    def __call__(self, device: str, folder: Path | None) -> Any:
        """Load the model on a device, from a folder of this machine."""
        assert folder is not None, "a model has files"
        identity = replace(
            self.load.keywords["identity"],
            location=str(folder),
            commit=None,
            weights=hash_folder(folder),
        )
        return self.load(device, identity=identity)
