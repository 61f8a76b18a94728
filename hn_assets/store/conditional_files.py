"""Small files under a URL that are replaced only if nobody else has replaced them meanwhile.

What this rests on differs: S3 compares the tag of an object as it writes it, a plain file system
has locks, and of other systems only the present content can be compared before it is overwritten.
"""

import hashlib
from abc import ABC, abstractmethod
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

# Others hold the lock of a plain file for an instant only.
SECONDS_FOR_A_LOCK = 30.0
PROBE = ".conditional-writes"


class Tagged(NamedTuple):
    """The bytes of a file with a tag, which another content of the file does not have."""

    content: bytes
    tag: str


class ConditionalFiles(ABC):
    """Reads and writes small files in a folder and below by their tags.

    Args:
        fs: The file system of fsspec.
        folder: The path of the folder there.
    """

    def __init__(self, fs: Any, folder: str) -> None:
        self.fs = fs
        self.folder = folder

    @abstractmethod
    def excludes_others(self) -> bool:
        """Whether, of two who replace the same content at once, one is always refused."""

    @abstractmethod
    def read(self, path: str) -> Tagged | None:
        """The file, or None if there is none."""

    @abstractmethod
    def replace(self, path: str, content: bytes, tag: str | None) -> str | None:
        """Write a file that still has this tag, or that still is missing if the tag is None.

        Returns:
            The new tag, or None if the file has another tag.
        """


@cache
def conditional_files(fs: Any, folder: str) -> ConditionalFiles:
    """What a file system of fsspec has to offer for the files in a folder and below."""
    protocols = {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
    if "s3" in protocols:
        return _S3Files(fs, folder)
    return (_PlainFiles if "file" in protocols else _OtherFiles)(fs, folder)


class _OtherFiles(ConditionalFiles):
    """Files of a system of which nothing is known: content is compared before it is written."""

    def excludes_others(self) -> bool:
        return False

    def read(self, path: str) -> Tagged | None:
        try:
            content = self.fs.cat_file(path)
        except FileNotFoundError:
            return None
        return Tagged(content, _hash(content))

    def replace(self, path: str, content: bytes, tag: str | None) -> str | None:
        found = self.read(path)
        if tag != (None if found is None else found.tag):
            return None
        return self._write(path, content)

    def _write(self, path: str, content: bytes) -> str:
        """Write a file; return its tag."""
        self.fs.pipe_file(path, content)
        return _hash(content)


class _PlainFiles(_OtherFiles):
    """Files of a plain file system, whose locks make comparing and writing one step."""

    def excludes_others(self) -> bool:
        return True

    def replace(self, path: str, content: bytes, tag: str | None) -> str | None:
        folder = Path(path).parent
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=SECONDS_FOR_A_LOCK):
            return super().replace(path, content, tag)

    def _write(self, path: str, content: bytes) -> str:
        unfinished = Path(f"{path}.unfinished")
        unfinished.write_bytes(content)
        unfinished.replace(path)
        return _hash(content)


class _S3Files(_OtherFiles):
    """Objects of S3, which are written by `If-Match` and `If-None-Match`.

    Some servers that speak S3 ignore these conditions, and others refuse them. Which ones do is
    tried out. Their files are then compared before they are written.
    """

    def excludes_others(self) -> bool:
        return self._keeps_conditions

    @cached_property
    def _keeps_conditions(self) -> bool:
        path = f"{self.folder}/{PROBE}"
        self.fs.pipe_file(path, b"1")
        try:
            # the object is there, and it has another tag
            return [self._put(path, b"1", tag) for tag in (None, '"0"')] == [None, None]
        except OSError as error:
            if _status(error) not in (400, 501):
                raise
            return False

    def read(self, path: str) -> Tagged | None:
        from fsspec.asyn import sync

        try:
            return sync(self.fs.loop, self._get, path)
        except FileNotFoundError:
            return None

    async def _get(self, path: str) -> Tagged:
        bucket, key, _ = self.fs.split_path(path)
        response = await self.fs._call_s3("get_object", Bucket=bucket, Key=key)
        return Tagged(await response["Body"].read(), response["ETag"])

    def replace(self, path: str, content: bytes, tag: str | None) -> str | None:
        if self._keeps_conditions:
            return self._put(path, content, tag)
        return super().replace(path, content, tag)

    def _write(self, path: str, content: bytes) -> str:
        bucket, key, _ = self.fs.split_path(path)
        return self.fs.call_s3("put_object", Bucket=bucket, Key=key, Body=content)["ETag"]

    def _put(self, path: str, content: bytes, tag: str | None) -> str | None:
        bucket, key, _ = self.fs.split_path(path)
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            written = self.fs.call_s3(
                "put_object", Bucket=bucket, Key=key, Body=content, **condition
            )
        except OSError as error:
            removed = tag is not None and isinstance(error, FileNotFoundError)
            if removed or _status(error) in (409, 412):
                return None
            raise
        return written["ETag"]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _status(error: BaseException | None) -> int | None:
    """The status of the answer that an error of s3fs stands for."""
    response = getattr(getattr(error, "__cause__", None), "response", None) or {}
    return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
