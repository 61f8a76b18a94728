"""Notice that a source has changed: exactly, by its bytes, or quickly, without reading it."""

from collections.abc import Iterable
from pathlib import Path

from hn_assets.hashing import hash_files, state_of_files
from hn_assets.sources.protocol import Source


def fingerprint_files(paths: Iterable[Path]) -> str | None:
    """One hash of the names and bytes of files.

    Returns:
        `sha256:` and hexadecimal digits, or None if a file is missing or unreadable: whoever
        reads it next raises the error that explains it.
    """
    try:
        return hash_files((path.name, path) for path in paths)
    except OSError:
        return None


def state_of_source(source: Source, others: Iterable[Path]) -> str:
    """A short text that changes when the source, or a file beside it, may have changed.

    Args:
        source: The source. Nothing of its content is read.
        others: Further files that count, such as the reviewed labels.

    Raises:
        HubError: The Hugging Face hub has to be asked and does not answer.
    """
    return f"{source.state()}-{state_of_files(others)}"
