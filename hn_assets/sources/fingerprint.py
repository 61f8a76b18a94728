"""Whether source or model have changed, found out without reading them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from hn_assets.encoding.model import find_model
from hn_assets.errors import HubError
from hn_assets.sources.kinds.hub import Hub
from hn_assets.sources.protocol import Source


def state_of_source(source: Source, others: Iterable[Path]) -> str:
    """Changes when a file of the source, or one of `others`, is written, or the hub moves on.

    Raises:
        HubError: the hub cannot be asked.
    """
    if isinstance(source, Hub):
        return _digest([*source.revisions(), *_marks(others)])
    return _digest(_marks([*(source.files() or []), *others]))


def state_of_model(model: str) -> str:
    """Changes when a file of the model's folder is written, another folder is the newest that a
    pattern names, or the hub moves on.

    Raises:
        ModelError: there is no such folder.
        HubError: the hub cannot be asked.
    """
    location = find_model(model)
    folder = Path(location)
    if folder.is_dir():
        return _digest([str(folder.resolve()), *_marks(sorted(folder.rglob("*")))])
    from huggingface_hub import HfApi

    try:
        return str(HfApi().model_info(location).sha)
    except Exception as error:
        raise HubError(f"the hub does not say which revision {location} is at: {error}") from error


def _marks(paths: Iterable[Path]) -> list[str]:
    """Name, size and time of each file; a missing one counts as such."""
    marks: list[str] = []
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            marks.append(f"{path} is not there")
            continue
        if path.is_file():
            marks.append(f"{path} {found.st_size} {found.st_mtime_ns}")
    return marks


def _digest(marks: list[str]) -> str:
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:16]
