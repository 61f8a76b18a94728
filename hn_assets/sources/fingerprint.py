"""Notice that a source has changed: exactly, by its bytes, or quickly, without reading it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hn_assets.errors import SourceChangedError, SourceError
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


@contextmanager
def refuse_changes(source: Source, before: str | None) -> Iterator[None]:
    """Make sure that a source stays the same while the block reads it.

    Args:
        source: The source.
        before: Its fingerprint before the block.

    Raises:
        SourceChangedError: The fingerprint is another one after the block, which may have read
            some files as they were and some as they are.
    """
    error: SourceError | None = None
    try:
        yield
    except SourceError as raised:  # half a line, say, of a file that is being written
        error = raised
    if source.fingerprint() != before:
        described = ", ".join(f"{key} {value}" for key, value in source.describe().items())
        raise SourceChangedError(
            f"the source changed while it was read ({described}); nothing was published. Refresh "
            f"again when its files are complete"
        ) from error
    if error is not None:
        raise error


def state_of_source(source: Source, others: Iterable[Path]) -> str:
    """A short text that changes when the source, or a file beside it, may have changed.

    Args:
        source: The source. Nothing of its content is read.
        others: Further files that count, such as the reviewed labels.

    Raises:
        HubError: The Hugging Face hub has to be asked and does not answer.
    """
    return f"{source.state()}-{state_of_files(others)}"
