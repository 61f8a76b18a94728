"""Reads and writes files under any URL that fsspec knows, such as s3://, gs:// or file://."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from hn_assets.errors import RemoteStoreError, StoreError
from hn_assets.extras import import_optional
from hn_assets.store.conditional_files import ConditionalFiles, Tagged, conditional_files
from hn_assets.urls import has_credentials, hide_credentials, without_credentials


class Remote:
    """A folder under a URL; the names that its methods take are paths within it.

    Objects of a bucket appear whole or not at all. In a plain file system, a file is written under
    another name first.

    Args:
        url: The URL of the folder.

    Attributes:
        url: The same without credentials, which must stand in no error and in no metadata.

    Raises:
        MissingExtraError: If the URL is one of S3 and the extra `s3` is not installed.
        StoreError: If the URL needs another package that is not installed, or is one of S3 with
            keys in it.
        RemoteStoreError: Every method raises it if the place cannot be reached, read or written.

    >>> remote = Remote("memory://bucket/assets")
    >>> remote.write("corpus/manifest.json", "{}")
    >>> remote.read("corpus/manifest.json"), remote.read("queries/manifest.json")
    (b'{}', None)
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self._secret_url = url.rstrip("/")
        self.url = without_credentials(url).rstrip("/")
        if self.url.startswith(("s3://", "s3a://")):
            import_optional("s3fs", extra="s3", needed_for=f"the store {self.url}")
            if has_credentials(self._secret_url):
                raise StoreError(
                    f"the URL of the store {self.url} holds keys, which S3 does not take there; "
                    f"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment instead"
                )
        with self._explained("opened"):
            self._fs, self._path = fsspec.url_to_fs(self._secret_url, use_listings_cache=False)

    def read(self, name: str) -> bytes | None:
        """The bytes of a small file, or None if there is no such file."""
        found = self.read_tagged(name)
        return None if found is None else found.content

    def write(self, name: str, text: str) -> None:
        """Replace a small file in one step."""
        with self._explained(f"written ({name})"), self._replacing(name) as target:
            self._fs.pipe_file(target, text.encode())

    @property
    def excludes_others(self) -> bool:
        """Whether `replace` takes one write only, of two that would replace the same content."""
        with self._explained("written"):
            return self._conditional.excludes_others()

    def read_tagged(self, name: str) -> Tagged | None:
        """A small file with the tag that `replace` asks for, or None if there is no such file."""
        with self._explained(f"read ({name})"):
            return self._conditional.read(self._at(name))

    def replace(self, name: str, text: str, tag: str | None) -> str | None:
        """Write a small file unless it was replaced since it was read.

        A write whose answer was lost is tried again by the client, and is then refused because of
        itself. So what is written should differ from what anybody else writes.

        Args:
            name: The name of the file.
            text: What to write.
            tag: The tag that the file has if it was not replaced; None if there is no such file.

        Returns:
            The new tag, or None if somebody else has replaced the file.
        """
        with self._explained(f"written ({name})"):
            files, path = self._conditional, self._at(name)
            if (written := files.replace(path, text.encode(), tag)) is not None:
                return written
            found = files.read(path)
            return found.tag if found is not None and found.content == text.encode() else None

    def upload(self, path: Path, name: str) -> None:
        """Copy the local file `path` to `name`, replacing a file of that name."""
        with self._explained(f"written ({name})"), self._replacing(name) as target:
            self._fs.put_file(str(path), target)

    def download(self, name: str, path: Path) -> bool:
        """Copy the file `name` to the local `path`; return false if there is no such file."""
        with self._explained(f"read ({name})"):
            try:
                self._fs.get_file(self._at(name), str(path))
            except FileNotFoundError:
                return False
            return True

    def sizes(self, name: str) -> dict[str, int]:
        """The size in bytes of every file in the folder `name` and below, by its path there."""
        with self._explained(f"listed ({name})"):
            try:
                found = self._fs.find(self._at(name), detail=True)
            except FileNotFoundError:
                return {}
            start = len(self._at(name).strip("/")) + 1
            return {
                path.strip("/")[start:]: int(entry["size"] or 0) for path, entry in found.items()
            }

    def seconds_older(self, name: str, than: str) -> float:
        """How long before the file `than` the newest file of the folder `name` was written.

        Both times are those of the remote place, so that no clock of this machine counts.
        """
        with self._explained(f"listed ({name})"):
            try:
                written = [self._fs.modified(path) for path in self._fs.find(self._at(name))]
                latest = self._fs.modified(self._at(than))
            except (FileNotFoundError, NotImplementedError):
                return 0.0  # another machine has just removed it, or no times are known there
            return (latest - max(written)).total_seconds() if written else 0.0

    def folders(self, name: str) -> list[str]:
        """The names of the folders within the folder `name`."""
        with self._explained(f"listed ({name})"):
            try:
                found = self._fs.ls(self._at(name), detail=True)
            except FileNotFoundError:
                return []
            return [
                entry["name"].rstrip("/").rsplit("/", 1)[-1]
                for entry in found
                if entry["type"] == "directory"
            ]

    def remove_folder(self, name: str) -> None:
        """Remove a folder with everything in it, unless another machine has removed it."""
        with self._explained(f"removed ({name})"), suppress(FileNotFoundError):
            self._fs.rm(self._at(name), recursive=True)

    @property
    def _conditional(self) -> ConditionalFiles:
        return conditional_files(self._fs, self._path)

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    @contextmanager
    def _replacing(self, name: str) -> Iterator[str]:
        protocol = self._fs.protocol
        if "file" not in ((protocol,) if isinstance(protocol, str) else protocol):
            yield self._at(name)
            return
        unfinished = self._at(f"{name}.{uuid4().hex[:8]}")
        self._fs.makedirs(unfinished.rsplit("/", 1)[0], exist_ok=True)
        try:
            yield unfinished
            Path(unfinished).replace(self._at(name))
        finally:
            Path(unfinished).unlink(missing_ok=True)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except ImportError as error:
            # trying again would not help
            raise StoreError(
                f"{self.url} needs a package that cannot be imported: {self._said(error)}"
            ) from self._cause(error)
        except Exception as error:  # every file system raises errors of its own
            raise RemoteStoreError(
                f"{self.url} cannot be {what}: {self._said(error)}; what was there before is "
                f"unchanged"
            ) from self._cause(error)

    def _said(self, error: Exception) -> str:
        return hide_credentials(str(error), self._secret_url)

    def _cause(self, error: Exception) -> Exception | None:
        """The error that another one follows from, unless it could show the credentials."""
        return None if has_credentials(self._secret_url) else error
