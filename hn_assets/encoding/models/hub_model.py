"""Models of the Hugging Face hub: which commit a name means, and the files of that commit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hn_assets.errors import HubError
from hn_assets.hub import (
    STALL_SECONDS,
    HubFile,
    error_of_hub,
    fetch_file,
    files_on_hub,
    reason_of,
)
from hn_assets.time_limit import call_within

# Copies of the weights for other libraries, which can be as large again, and what nothing loads.
_LEFT_OUT = (
    "*.md",
    ".*",
    "*.h5",
    "*.msgpack",
    "*.onnx",
    "*.onnx_data",
    "*.ot",
    "*.tflite",
    "*.gguf",
    "onnx/*",
    "openvino/*",
)


def hub_commit(name: str, revision: str | None, section: str) -> str:
    """The commit of a hub model, from a small file, so that a hub out of reach is noticed soon.

    Args:
        name: The name on the hub.
        revision: A branch, a tag or a commit; None for the newest commit.
        section: The section of the settings that names the model, for the error.

    Raises:
        HubError: The hub does not know it or cannot be reached, and the cache does not hold it.
    """
    from huggingface_hub import hf_hub_download

    try:
        path = call_within(
            STALL_SECONDS, lambda: hf_hub_download(name, "config.json", revision=revision)
        )
    except Exception as error:  # the hub's client passes on the errors of every library below it
        at = f" at the revision {revision!r}" if revision else ""
        check = f"Check {section}.model and {section}.revision" if revision else "Check the name"
        raise error_of_hub(
            f"the model {name} is no local folder, and it cannot be fetched from the Hugging Face "
            f"hub{at} ({reason_of(error)}). {check}. If the hub cannot be reached, set "
            f"{section}.model to a local folder that holds the model",
            error,
        ) from error
    return Path(path).parent.name  # the cache keeps each commit in a folder of its name


def model_folder(location: str, commit: str | None) -> str:
    """The folder to load a model from: a hub model's files at `commit`, fetched if need be.

    Args:
        location: A folder or the name of a model of the hub.
        commit: The commit of a hub model; None for a folder.

    Raises:
        HubError: The hub cannot be reached, and the cache does not hold the files; or files are not
            those that the hub lists.
    """
    if commit is None:
        return location
    from huggingface_hub.utils import filter_repo_objects

    listed = _listed(location, commit)
    if listed is None:
        return str(_folder_in_cache(location, commit))
    files = filter_repo_objects(listed, ignore_patterns=list(_LEFT_OUT), key=lambda file: file.name)
    folders = [_fetch(location, commit, file).parents[file.name.count("/")] for file in files]
    return str(folders[0])


def file_finder(location: str, commit: str | None) -> Callable[[str], Path | None]:
    """A function that finds the files of a model; the hub is asked once which ones there are.

    Args:
        location: A folder or the name of a model of the hub.
        commit: The commit of a hub model; None for a folder.

    Returns:
        A function of the name of a file, with `/` between its parts, that gives its path, fetched
        if need be; None if the model has none of that name. It raises what `model_folder` raises.
    """
    listed = None if commit is None else _listed(location, commit)
    if commit is not None and listed is not None:
        by_name = {file.name: file for file in listed}

        def fetch(name: str) -> Path | None:
            return _fetch(location, commit, by_name[name]) if name in by_name else None

        return fetch
    folder = Path(location) if commit is None else _folder_in_cache(location, commit)

    def look(name: str) -> Path | None:
        return folder / name if (folder / name).is_file() else None

    return look


def _listed(location: str, commit: str) -> list[HubFile] | None:
    """The files that the hub lists; None if it does not, as for a cache that others have filled."""
    try:
        return files_on_hub(location, "model", commit)
    except HubError:
        return None


def _fetch(location: str, commit: str, file: HubFile) -> Path:
    return fetch_file(location, "model", commit, file)


def _folder_in_cache(location: str, commit: str) -> Path:
    from huggingface_hub import snapshot_download

    options: dict[str, Any] = {"revision": commit, "local_files_only": True}
    try:
        return Path(snapshot_download(location, **options))
    except Exception as error:
        raise error_of_hub(
            f"the files of the model {location} at commit {commit} cannot be fetched from the "
            f"Hugging Face hub ({reason_of(error)}). Try again, or set the model to a local folder",
            error,
        ) from error
