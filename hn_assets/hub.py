"""Ask the Hugging Face hub for something, and wait for a bounded time only.

Files lie in the hub's own cache, in which nothing stays that is not what the hub lists.
"""

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import get_ident
from typing import Any, Literal

from hn_assets.errors import HubError, HubUnavailableError
from hn_assets.time_limit import call_within

# a sensor that waits longer keeps the sensors of all other datasets waiting
ANSWER_SECONDS = 10.0
# how long nothing more of a file may arrive
STALL_SECONDS = 120.0
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

RepoKind = Literal["dataset", "model"]
# what the hub says of the request itself; any other status may be another one later
_REFUSALS = {400, 401, 403, 404, 405, 410, 422}


@dataclass(frozen=True)
class HubFile:
    """A file of a repository at one commit.

    Attributes:
        name: The path inside the repository, with `/` between its parts.
        digest: The SHA-256 of its bytes, or Git's SHA-1 of them; "" if it is not known.
    """

    name: str
    digest: str


def commit_on_hub(name: str, kind: RepoKind, revision: str | None = None) -> str:
    """The commit that a branch or tag of a dataset or model is at; that of the cache if offline.

    Args:
        name: The name on the hub, such as `BeIR/scifact`.
        kind: Whether it is a dataset or a model.
        revision: A branch, a tag or a commit; None for the default branch. A whole commit is
            returned as it is, and the hub is not asked.

    Raises:
        HubError: The hub does not know it, cannot be reached, or does not answer within
            `ANSWER_SECONDS`.
    """
    if revision is not None and _COMMIT.fullmatch(revision):
        return revision
    if _is_offline():
        path = _cache_folder(name, kind) / "refs" / (revision or "main")
        if path.is_file():
            return path.read_text(encoding="utf-8").strip()
    commit = str(repo_on_hub(name, kind, revision).sha)
    if not _COMMIT.fullmatch(commit):
        raise HubError(f"the hub says that {name} is at {commit[:80]!r}, which is no commit")
    return commit


def files_on_hub(name: str, kind: RepoKind, commit: str) -> list[HubFile]:
    """The files of a dataset or model at a commit, by name.

    The hub is asked once, as the files of a commit never change. What lies in the cache may be a
    part of them.

    Raises:
        HubError: As `commit_on_hub` raises it, or the hub lists what is no name of a file.
    """
    record = _cache_folder(name, kind) / "hn_assets" / f"{commit}.json"
    try:
        return [HubFile(*file) for file in json.loads(record.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        if _is_offline():
            raise HubError(
                f"HF_HUB_OFFLINE is set, and the cache does not say which files {name} has at "
                f"{commit}; read it once while the hub can be reached"
            ) from error
    found: list[HubFile] = []
    for file in repo_on_hub(name, kind, commit, files=True).siblings or []:
        parts = PurePosixPath(file.rfilename).parts
        if not parts or parts[0] == "/" or ".." in parts or "\0" in file.rfilename:
            raise HubError(f"the hub lists {file.rfilename!r} in {name}, which names no file")
        # a large file is kept outside Git, under its SHA-256
        digest = file.lfs["sha256"] if file.lfs else file.blob_id
        found.append(HubFile(file.rfilename, str(digest or "")))
    found.sort(key=lambda file: file.name)
    _note(record, json.dumps([(file.name, file.digest) for file in found]))
    return found


def fetch_file(name: str, kind: RepoKind, commit: str, file: HubFile) -> Path:
    """The path in the cache of a file of a dataset or model, downloaded if it is not there.

    Its bytes are compared with the digest. What differs is removed and downloaded once more.

    Raises:
        HubError: Nothing more of the file has arrived for `STALL_SECONDS`, it cannot be
            downloaded, or it is not the file that the hub lists.
    """
    from huggingface_hub import constants, hf_hub_download

    blobs = _cache_folder(name, kind) / "blobs"

    def download() -> str:
        return hf_hub_download(
            name, file.name, repo_type=kind, revision=commit, cache_dir=constants.HF_HUB_CACHE
        )

    for _ in range(2):
        try:
            path = Path(call_within(STALL_SECONDS, download, lambda: _bytes_in(blobs)))
        except Exception as error:  # as in `repo_on_hub`
            raise error_of_hub(
                f"{file.name} of {name} cannot be downloaded from the hub: {reason_of(error)}",
                error,
            ) from error
        digest = file.digest or _digest_in_cache(path)
        if not digest or digest_of(path, digest) == digest:
            return path
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    raise HubUnavailableError(
        f"{file.name} of {name} is not what the hub lists at the commit {commit}: other bytes have "
        f"arrived, twice. They were removed from the cache; try again later"
    )


def remember_commit(name: str, kind: RepoKind, revision: str | None, commit: str) -> None:
    """Let the cache know which commit a revision is at, for later runs that are offline."""
    if revision != commit and not _is_offline():
        _note(_cache_folder(name, kind) / "refs" / (revision or "main"), commit)


def repo_on_hub(
    name: str, kind: RepoKind, revision: str | None = None, *, files: bool = False
) -> Any:
    """What the hub says of a dataset or model, as `huggingface_hub.HfApi.repo_info` returns it.

    Args:
        name: The name on the hub.
        kind: Whether it is a dataset or a model.
        revision: A branch, a tag or a commit; None for the default branch.
        files: Whether the sizes and checksums of its files are wanted, too.

    Raises:
        HubError: As `commit_on_hub` raises it.
    """
    from huggingface_hub import HfApi

    def ask() -> Any:
        return HfApi().repo_info(
            name,
            repo_type=kind,
            revision=revision,
            timeout=ANSWER_SECONDS,
            files_metadata=files,
        )

    try:
        # the timeout of the request starts anew with every byte that arrives
        return call_within(ANSWER_SECONDS, ask)
    except Exception as error:  # the hub's client passes on the errors of every library below it
        raise error_of_hub(
            f"the hub does not say which revision {name} is at"
            f"{f' ({revision})' if revision else ''}: {reason_of(error)}",
            error,
        ) from error


def error_of_hub(message: str, error: Exception) -> HubError:
    """The error with a message for what the hub's client raised, by whether it can pass."""
    return HubUnavailableError(message) if _can_pass(error) else HubError(message)


def _can_pass(error: Exception) -> bool:
    """Whether trying again later may help: the hub was not reached, or it failed by itself."""
    from huggingface_hub.errors import HFValidationError

    seen: BaseException | None = error
    while seen is not None:
        status = getattr(getattr(seen, "response", None), "status_code", None)
        if status in _REFUSALS or isinstance(seen, HFValidationError):
            return False
        seen = seen.__cause__
    return not _is_offline()


def reason_of(error: Exception) -> str:
    """The first line of what an error says, or its class if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _note(path: Path, text: str) -> None:
    """Write a file into the cache for later offline runs, unless it cannot be written to."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)


def _is_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _cache_folder(name: str, kind: RepoKind) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type=kind)


def _bytes_in(folder: Path) -> int:
    """The bytes of a folder's files, which grow while one is downloaded."""
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:  # it is not there yet, or a file was renamed just now
        return 0


def _digest_in_cache(path: Path) -> str:
    """The digest that the cache has as the name of a file's blob."""
    name = path.resolve().name
    return name if _COMMIT.fullmatch(name) or _SHA256.fullmatch(name) else ""


def digest_of(path: Path, like: str) -> str:
    """The SHA-256 of a file, or Git's SHA-1 of it if the digest to compare with is one.

    Args:
        path: The file.
        like: The digest to compare with.
    """
    digest = hashlib.sha256()
    if _COMMIT.fullmatch(like):
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
