"""One run at a time works on an operation in a local folder; the others wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from hn_assets.errors import StoreError
from hn_assets.store import Holder, Waiting

SECONDS_BETWEEN_TRIES = 1.0


@contextmanager
def one_run_at_a_time(path: Path, holder: Holder, waiting: Waiting) -> Iterator[None]:
    """Wait until no other run, of this or another process of this machine, works on the same.

    The operating system frees the lock of a process that was killed.

    Args:
        path: The path of the file that is locked.
        holder: Who wants the lock; a file beside it names who has it.
        waiting: How long to wait.

    Raises:
        StoreBusyError: Another run has the lock for longer than this one may wait.
        StoreError: The folder of the lock cannot be written.
    """
    lock, named = FileLock(path), path.with_suffix(".holder")
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=SECONDS_BETWEEN_TRIES)
            break
        except Timeout:
            waiting.go_on(_name(named))
        except OSError as error:
            raise StoreError(
                f"{waiting.what} cannot be written to {path.parent}: {error.strerror or error}; "
                f"what was there before is unchanged. Set HN_DATA_DIR to a folder that can be "
                f"written"
            ) from error
    try:
        with suppress(OSError):  # it serves messages alone
            named.write_text(str(holder), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            named.unlink(missing_ok=True)
        lock.release()


def _name(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return "another run"
