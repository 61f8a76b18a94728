"""Models of the Hugging Face hub: which commit a name means, and the files of that commit."""

from pathlib import Path

from hn_assets.errors import HubError
from hn_assets.hub import reason_of

# Copies of the weights for other libraries, which can be as large again.
_OTHER_LIBRARIES = (
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
        path = hf_hub_download(name, "config.json", revision=revision)
    except Exception as error:  # the hub's client passes on the errors of every library below it
        at = f" at the revision {revision!r}" if revision else ""
        check = f"Check {section}.model and {section}.revision" if revision else "Check the name"
        raise HubError(
            f"the model {name} is no local folder, and it cannot be fetched from the Hugging Face "
            f"hub{at} ({reason_of(error)}). {check}. If the hub cannot be reached, set "
            f"{section}.model to a local folder that holds the model"
        ) from error
    return Path(path).parent.name  # the cache keeps each commit in a folder of its name


def model_folder(location: str, commit: str | None) -> str:
    """The folder to load a model from: a hub model's files at `commit`, fetched if need be.

    Args:
        location: A folder or the name of a model of the hub.
        commit: The commit of a hub model; None for a folder.

    Raises:
        HubError: The hub cannot be reached, and the cache does not hold the files.
    """
    if commit is None:
        return location
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(location, revision=commit, ignore_patterns=list(_OTHER_LIBRARIES))
    except Exception as error:
        raise HubError(
            f"the files of the model {location} at commit {commit} cannot be fetched from the "
            f"Hugging Face hub ({reason_of(error)}). Try again, or set the model to a local folder"
        ) from error
