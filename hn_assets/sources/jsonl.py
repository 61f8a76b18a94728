"""Read lines and JSON objects with their places, so that an error names file and line."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hn_assets.errors import SourceError


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every line of a UTF-8 file with its line end, after its number, which counts from 1.

    The file may begin with a byte order mark. One whose name ends in `.gz` is decompressed.

    Raises:
        SourceError: The file is missing, cannot be read, or has a line that is not UTF-8.
    """
    number = 0
    try:
        if path.suffix == ".gz" and not path.stat().st_size:
            raise EOFError("it is empty")
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                try:
                    line = [raw.decode("utf-8-sig" if number == 1 else "utf-8")]
                except UnicodeDecodeError as error:
                    raise SourceError(
                        f"{path}:{number}: not UTF-8 (byte {error.start + 1} of the line); save "
                        f"the file as UTF-8"
                    ) from error
                # Whoever reads the line alone holds it: it may be a document of 100 MB.
                del raw
                yield number, line.pop()
    except FileNotFoundError as error:
        raise SourceError(f"{path} is not there") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise SourceError(
            f"{path}, after line {number}: the file is damaged or cut off ({error}); fetch or "
            f"compress it again"
        ) from error


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of a UTF-8 file that are not blank, each after its place `name:line`.

    Line ends may be CRLF, and the file may begin with a byte order mark.

    Raises:
        SourceError: The file is missing, cannot be read, or has a line that is not UTF-8.
    """
    for number, line in numbered_lines(path):
        if line and not line.isspace():
            line = line.rstrip("\r\n")
            yield f"{path.name}:{number}", line


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the JSON objects of a JSONL file, each after its place `name:line`.

    Raises:
        SourceError: The file is missing, cannot be read, or has a line that is not a JSON object
            in UTF-8 with every key once.
    """
    for number, line in numbered_lines(path):
        if not line or line.isspace():
            continue
        where = f"{path.name}:{number}"
        try:
            value = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            problem = str(error)
            if isinstance(error, json.JSONDecodeError):
                problem = f"{error.msg} at column {error.colno}"
            raise SourceError(
                f"{where}: not JSON ({problem}); every line must be one JSON object. The file is "
                f"{path}"
            ) from error
        del line
        if not isinstance(value, dict):
            raise SourceError(f"{where}: a JSON {type(value).__name__}, but an object is needed")
        yield where, value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, which must not leave open which of two values a key has."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"the key {twice!r} is there twice")
    return found
