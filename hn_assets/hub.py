"""Ask the Hugging Face hub for something, and wait for a bounded time only."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Thread
from time import monotonic
from typing import Any, Literal, TypeVar

from hn_assets.errors import HubError

# a sensor that waits longer keeps the sensors of all other datasets waiting
ANSWER_SECONDS = 10.0

RepoKind = Literal["dataset", "model"]
Result = TypeVar("Result")


def commit_on_hub(name: str, kind: RepoKind, revision: str | None = None) -> str:
    """The commit that a branch or tag of a dataset or model is at.

    Args:
        name: The name on the hub, such as `BeIR/scifact`.
        kind: Whether it is a dataset or a model.
        revision: A branch, a tag or a commit; None for the default branch.

    Raises:
        HubError: The hub does not know it, cannot be reached, or does not answer within
            `ANSWER_SECONDS`.
    """
    return str(repo_on_hub(name, kind, revision).sha)


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
        raise HubError(
            f"the hub does not say which revision {name} is at"
            f"{f' ({revision})' if revision else ''}: {reason_of(error)}"
        ) from error


def call_within(
    seconds: float, call: Callable[[], Result], progress: Callable[[], object] = lambda: None
) -> Result:
    """The result of a call, unless it makes no progress.

    The call runs in a thread of its own, which is left to itself if it does not end in time.

    Args:
        seconds: How long to wait.
        call: What to call.
        progress: Tells how far the call has come. Whenever its value changes, the time to wait
            begins anew.

    Raises:
        TimeoutError: The time is over.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    reached, waiting_since = progress(), monotonic()
    while True:
        left = waiting_since + seconds - monotonic()
        try:
            return future.result(timeout=max(0.0, min(1.0, left)))
        except FutureTimeoutError:
            if future.done():  # the call itself raised it
                raise
        if (now := progress()) != reached:
            reached, waiting_since = now, monotonic()
        elif left <= 0:
            raise TimeoutError(f"no answer within {seconds:g} seconds")


def reason_of(error: Exception) -> str:
    """The first line of what an error says, or its class if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
