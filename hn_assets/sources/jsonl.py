"""Read lines and JSON objects with their places, so that an error names file and line."""

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from hn_assets.errors import SourceError

BLOCK_BYTES = 4 << 20


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every line of a UTF-8 file with its line end, after its number, which counts from 1.

    The file may begin with a byte order mark. One whose name ends in `.gz` or `.zst` is
    decompressed.

    Raises:
        SourceError: The file is missing, cannot be read, or has a line that is not UTF-8.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, raw in enumerate(file, start=1):
                line = [decode_line(raw, path, number)]
                # Whoever reads the line alone holds it: it may be a document of 100 MB.
                del raw
                yield number, line.pop()
    except (OSError, EOFError, zlib.error) as error:
        raise _as_source_error(error, path, number) from error


def line_blocks(path: Path, size: int = BLOCK_BYTES) -> Iterator[tuple[int, bytes]]:
    """Yield a file in whole lines, many at once, each block after the number of its first line.

    The first block has no byte order mark. A file whose name ends in `.gz` or `.zst` is
    decompressed.

    Args:
        path: The file.
        size: About how many bytes a block has; more if a line is longer.

    Raises:
        SourceError: The file is missing or cannot be read.
    """
    before = 0
    try:
        with _open(path) as file:
            while block := file.read(size):
                block += file.readline()
                lines = block.count(b"\n")
                yield before + 1, block if before else block.removeprefix(codecs.BOM_UTF8)
                before += lines
    except (OSError, EOFError, zlib.error) as error:
        raise _as_source_error(error, path, before) from error


def decode_line(raw: bytes, path: Path, number: int) -> str:
    """A line of a UTF-8 file, the first one without its byte order mark.

    Raises:
        SourceError: It is not UTF-8.
    """
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path}:{number}: not UTF-8 (byte {error.start + 1} of the line); save the file as "
            f"UTF-8"
        ) from error


def _as_source_error(error: Exception, path: Path, number: int) -> SourceError:
    """What stopped the reading of a file after so many lines, for the user."""
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{path} is not there")
    if isinstance(error, OSError) and error.strerror:  # as the operating system says it
        return SourceError(f"{path} cannot be read: {error.strerror}")
    return SourceError(
        f"{path}, after line {number}: the file is damaged or cut off ({error}); fetch or compress "
        f"it again"
    )


def _open(path: Path) -> BinaryIO:
    """Open a file that may be compressed, by the end of its name."""
    suffix = path.suffix.lower()
    if suffix in (".gz", ".zst") and not path.stat().st_size:
        raise EOFError("it is empty")
    if suffix == ".gz":
        return cast("BinaryIO", gzip.open(path))
    if suffix == ".zst":
        import pyarrow as pa

        content = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
        return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", content)))
    return path.open("rb")


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
                f"{path}{_remedy(path, line)}"
            ) from error
        if not isinstance(value, dict):
            raise SourceError(
                f"{where}: a JSON {type(value).__name__}, but an object is needed"
                f"{_remedy(path, line)}"
            )
        del line
        yield where, value


def _remedy(path: Path, line: str) -> str:
    """What to do with a JSON array, of which a line may be the beginning."""
    if not line.lstrip().startswith("["):
        return ""
    return f". Of an array, jq -c '.[]' {path.name} >{path.stem}.jsonl makes such lines"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, which must not leave open which of two values a key has."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"the key {twice!r} is there twice")
    return found
