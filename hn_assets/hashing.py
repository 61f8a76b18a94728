"""Hashes of texts and files, and the state of files as the file system tells it."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from hn_assets.text import PART_CHARACTERS, normalised, normalised_parts


def hash_of_text(text: str, size: int = 16) -> bytes:
    """A hash of a text in `size` bytes: equal texts have equal hashes."""
    return hash_of_joined((text,), size)


def hash_of_joined(texts: Iterable[str], size: int = 16) -> bytes:
    """`hash_of_text("".join(texts), size)`, without joining them."""
    digest = hashlib.blake2b(digest_size=size)
    for text in texts:
        # In pieces, as a long text is not to be held in UTF-8 a second time.
        for start in range(0, len(text), PART_CHARACTERS):
            digest.update(text[start : start + PART_CHARACTERS].encode())
    return digest.digest()


def hash_of_normalised(text: str, size: int = 16) -> bytes:
    """`hash_of_text(normalised(text), size)`, without holding the normalised form."""
    if len(text) <= PART_CHARACTERS:  # nearly all texts, and twice as fast
        return hashlib.blake2b(normalised(text).encode(), digest_size=size).digest()
    digest = hashlib.blake2b(digest_size=size)
    for number, part in enumerate(normalised_parts(text)):
        digest.update(f" {part}".encode() if number else part.encode())
    return digest.digest()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes in hexadecimal. The file is read in blocks of 1 MiB.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hash_files(named: Iterable[tuple[str, Path]]) -> str:
    """One hash, `sha256:` and hexadecimal digits, of the names and bytes of several files.

    Args:
        named: The name that counts and the path to read, for each file. Their order counts too.

    Raises:
        OSError: A file cannot be read.
    """
    digest = hashlib.sha256()
    for name, path in named:
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def state_of_files(paths: Iterable[Path]) -> str:
    """A short text that changes when a file is written, added or removed; no file is read.

    Args:
        paths: The files. Their order counts. Folders among them are passed over, and a path that
            does not exist counts as missing.

    Returns:
        16 hexadecimal digits of a hash over the path, size and modification time of each file.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            digest.update(f"{path} is missing\n".encode())
            continue
        if path.is_file():
            digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
