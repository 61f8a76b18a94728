"""Notice that a model has changed without reading its weights."""

from pathlib import Path

from hn_assets.encoding.models.model import find_model
from hn_assets.encoding.models.model_files import model_files
from hn_assets.hashing import hash_of_text, state_of_files
from hn_assets.hub import commit_on_hub


def state_of_model(model: str, revision: str | None = None, section: str = "encoding") -> str:
    """A short text that changes when the model may have changed.

    It changes when a file of the model's folder is written that the hash of its weights covers,
    when another folder becomes the newest that a pattern names, and when the revision of a hub
    model changes.

    Args:
        model: The value of `encoding.model` or `teacher.model`: `bundled`, a folder, a pattern or a
            hub name.
        revision: The value of `encoding.revision` or `teacher.revision`.
        section: The section of the settings that names the model, for the error.

    Raises:
        ModelError: The folder does not exist, or no folder fits the pattern.
        HubError: The Hugging Face hub has to be asked and does not answer.
    """
    location = find_model(model, f"{section}.model")
    folder = Path(location)
    if folder.is_dir():
        files = state_of_files(model_files(folder))
        return hash_of_text(f"{folder.resolve()} {files}").hex()[:16]
    return commit_on_hub(location, "model", revision)
