"""Make sure that a model that was loaded is the one whose files were hashed, and stays it."""

from pathlib import Path
from typing import TYPE_CHECKING

from hn_assets.encoding.models.model_files import model_files
from hn_assets.errors import ModelChangedError
from hn_assets.hashing import hash_files

if TYPE_CHECKING:
    import torch


def hash_folder(folder: Path) -> str:
    """`sha256:` over every file that can change what the model computes, names included."""
    return hash_files((path.relative_to(folder).as_posix(), path) for path in model_files(folder))


def keep_as_hashed(model: "torch.nn.Module", location: str, weights: str) -> None:
    """Take a loaded model off its files, and check that these are still as they were hashed.

    Weights that need no conversion are mapped from their file: what is saved over it would change
    them while the model computes. So they are copied before the files are hashed again.

    Args:
        model: The loaded model.
        location: The folder it was loaded from; files of a hub model never change.
        weights: What `hash_folder` gave before the model was loaded.

    Raises:
        ModelChangedError: The files were written in between.
    """
    if not Path(location).is_dir():
        return
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()
    if hash_folder(Path(location)) != weights:
        raise ModelChangedError(
            f"the model has changed while it was loaded: files in {location} were written "
            f"meanwhile. Try again once the model is saved as a whole; a training run had better "
            f"save to a new folder, which a pattern such as runs/checkpoint-* finds"
        )
