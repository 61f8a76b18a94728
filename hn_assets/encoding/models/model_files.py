"""Which files of a model's folder count, and those in which it says how it is used."""

import json
from pathlib import Path
from typing import Any

from hn_assets.errors import ModelError


def model_files(folder: Path) -> list[Path]:
    """Every file that can change what the model in a folder computes, in the order of their paths.

    Hidden files and Markdown cannot.
    """
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix != ".md"
        and not any(part[0] == "." for part in path.relative_to(folder).parts)
    ]


def read_configuration(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a model.

    Raises:
        ModelError: The file holds none.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds no JSON object; save or fetch the model again")
    return found


def read_json(path: Path) -> Any:
    """What a JSON file of a model holds.

    Raises:
        ModelError: The file is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON ({error}); save or fetch the model again") from error
