"""Push files to a repository of the hub: in one commit, and only what differs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hn_assets.errors import HubPushError, HubPushUnavailableError
from hn_assets.hub import ANSWER_SECONDS, RepoKind, digest_of, reason_of
from hn_assets.time_limit import call_within

TOKEN = "HF_TOKEN"
SLOWEST = 50_000  # bytes a second; an upload that takes longer is taken for one that hangs
SECONDS_TO_LOOK = 60.0
SECONDS_TO_COMMIT = 300.0  # beside those of the bytes
# somebody else has pushed between our look and our commit
_MOVED_ON = {409, 412}
_REFUSED = {401, 403}


@dataclass(frozen=True)
class Repository:
    """A repository of the hub, and how it may be written.

    Attributes:
        name: Its name, as `owner/name`.
        kind: Whether it is a dataset or a model.
        private: Whether it is made a private one if it does not exist yet.
        overwrite: Whether files that somebody else has changed are replaced.
    """

    name: str
    kind: RepoKind
    private: bool = True
    overwrite: bool = False


@dataclass(frozen=True)
class Pushed:
    """What lies in a repository after a push.

    Attributes:
        commit: The commit that has the files.
        url: Where people find it.
        digests: The digest of each file that was pushed, by its name in the repository.
        written: The names of the files that differed before.
        removed: The names of files of the last push that are none of this one's.
    """

    commit: str
    url: str
    digests: dict[str, str]
    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def push(
    repository: Repository, files: Mapping[str, Path], last: Mapping[str, str], message: str
) -> Pushed:
    """Let a repository have these files; it is created if it does not exist.

    All that differs goes into one commit, so that readers see all of it or nothing. The commit
    names the one that was looked at as its parent, and the hub refuses it if somebody has pushed
    since.

    Args:
        repository: Where to push to.
        files: The files by their names in the repository.
        last: The digests of the files of the last push, by name. A file of the repository that has
            neither this digest nor that of the new file was changed by somebody else.
        message: What the commit says.

    Raises:
        HubPushError: There is no token, it may not write to the repository, or a file was changed
            by somebody else.
        HubPushUnavailableError: The hub cannot be reached, fails, or hangs, or somebody else pushed
            at the same time; trying again may help.
    """
    api = _open_api(repository)
    before, there = _look(api, repository)
    written = sorted(name for name, path in files.items() if not _is(path, there.get(name)))
    removed = sorted(name for name in last if name not in files and name in there)
    foreign = [
        name for name in (*written, *removed) if name in there and there[name] != last.get(name)
    ]
    if foreign and not repository.overwrite:
        raise HubPushError(
            f"{', '.join(foreign[:5])} of {repository.name} was changed by somebody else, or lay "
            f"there before the first push, and is not replaced. Remove it there, name another "
            f"repository in the section hub, or set hub.overwrite"
        )
    url = f"{api.endpoint}/{'datasets/' if repository.kind == 'dataset' else ''}{repository.name}"
    if not written and not removed:
        return Pushed(before, url, {name: there[name] for name in files})
    seconds = SECONDS_TO_COMMIT + sum(files[name].stat().st_size for name in written) / SLOWEST
    commit = _explained(
        repository,
        lambda: _commit(api, repository, files, written, removed, before, message),
        seconds,
    )
    _, there = _look(api, repository, commit)
    return Pushed(commit, url, {name: there.get(name, "") for name in files}, written, removed)


def _open_api(repository: Repository) -> Any:
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        raise HubPushError(
            f"HF_HUB_OFFLINE is set, so that nothing can be pushed to {repository.name}"
        )
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise HubPushError(
            f"{TOKEN} is not set: to push to {repository.name}, give a token that may write to it "
            f"by the environment"
        )
    return HfApi(token=token)


def _look(
    api: Any, repository: Repository, commit: str | None = None
) -> tuple[str, dict[str, str]]:
    """The newest commit, or the one given, with the digests of its files by their names.

    A repository that does not exist is made.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    def ask() -> Any:
        return api.repo_info(
            repository.name,
            repo_type=repository.kind,
            revision=commit,
            files_metadata=True,
            timeout=ANSWER_SECONDS,
        )

    def ask_or_create() -> Any:
        try:
            return ask()
        except RepositoryNotFoundError:
            private, kind = repository.private, repository.kind
            api.create_repo(repository.name, repo_type=kind, private=private, exist_ok=True)
            return ask()

    found = _explained(repository, ask_or_create, SECONDS_TO_LOOK)
    return str(found.sha), {file.rfilename: _digest(file) for file in found.siblings or []}


def _commit(
    api: Any,
    repository: Repository,
    files: Mapping[str, Path],
    written: list[str],
    removed: list[str],
    parent: str,
    message: str,
) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    found = api.create_commit(
        repository.name,
        [
            *(CommitOperationAdd(name, files[name]) for name in written),
            *(CommitOperationDelete(name, is_folder=False) for name in removed),
        ],
        commit_message=message,
        repo_type=repository.kind,
        parent_commit=parent,
    )
    return str(found.oid)


def _explained(repository: Repository, call: Any, seconds: float) -> Any:
    """The result of a call to the hub, or an error that says what to do."""
    try:
        return call_within(seconds, call)
    except Exception as error:  # the hub's client passes on the errors of every library below it
        status = _status(error)
        if status in _REFUSED:
            raise HubPushError(
                f"the token in {TOKEN} may not write to {repository.name}: {reason_of(error)}"
            ) from error
        if status in _MOVED_ON:
            raise HubPushUnavailableError(
                f"somebody else pushed to {repository.name} at the same time, so that nothing was "
                f"pushed; the next try looks at it anew"
            ) from error
        if status is not None and 400 <= status < 500 and status not in (408, 429):
            raise HubPushError(f"{repository.name}: the hub refuses: {reason_of(error)}") from error
        raise HubPushUnavailableError(
            f"nothing was pushed to {repository.name}: {reason_of(error)}"
        ) from error


def _status(error: BaseException) -> int | None:
    """The status that the hub answered with, if an error comes of an answer."""
    seen: BaseException | None = error
    while seen is not None:
        status = getattr(getattr(seen, "response", None), "status_code", None)
        if status is not None:
            return int(status)
        seen = seen.__cause__
    return None


def _digest(file: Any) -> str:
    """A large file is kept outside Git, under its SHA-256; another one has Git's SHA-1."""
    return str((file.lfs["sha256"] if file.lfs else file.blob_id) or "")


def _is(path: Path, digest: str | None) -> bool:
    """Whether a file has the digest that the hub lists; the kind of digest tells how it is made."""
    return bool(digest) and digest_of(path, str(digest)) == digest
