"""Read lines and JSON objects so that whatever is wrong is named with its file and line."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hn_assets.errors import SourceError
from hn_assets.hashing import hash_files


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a UTF-8 file that are not blank, each with its place `name:line`.

    Line ends may be CRLF, and the file may begin with a byte order mark.

    Raises:
        SourceError: the file is missing, cannot be read, or a line is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                try:
                    line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise SourceError(
                        f"{path}:{number}: not UTF-8 (byte {error.start + 1} of the line); save "
                        f"the file as UTF-8"
                    ) from error
                if line.strip():
                    yield f"{path.name}:{number}", line.rstrip("\r\n")
    except FileNotFoundError as error:
        raise SourceError(f"{path} is not there") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON objects of a JSONL file, each with its place `name:line`.

    Raises:
        SourceError: as `read_lines`, or a line is not a JSON object.
    """
    for where, line in read_lines(path):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            problem = str(error)
            if isinstance(error, json.JSONDecodeError):
                problem = f"{error.msg} at column {error.colno}"
            raise SourceError(
                f"{where}: not JSON ({problem}); every line must be one JSON object. The file is "
                f"{path}"
            ) from error
        if not isinstance(value, dict):
            raise SourceError(f"{where}: a JSON {type(value).__name__}, where an object is needed")
        yield where, value


def fingerprint_files(paths: Iterable[Path]) -> str | None:
    """`sha256:` of names and bytes; None where a file is missing, which reading it will explain."""
    try:
        return hash_files((path.name, path) for path in paths)
    except OSError:
        return None
