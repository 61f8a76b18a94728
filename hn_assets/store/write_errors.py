"""What the operating system says of a write that failed, as an error that people can act on."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hn_assets.errors import StoreError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


@contextmanager
def explained_write(asset: str, folder: Path) -> Iterator[None]:
    """Turn errors of writing a stage, or what is kept beside it, into a `StoreError`.

    Args:
        asset: The name of the stage in messages.
        folder: The folder of the stage, in that of its dataset.

    Raises:
        StoreError: There is no space, no permission, or a file stands in the place of a folder.
        OSError: An error of the block that is about other files.
    """
    try:
        yield
    except OSError as error:
        if not _is_about(error, folder):
            raise
        raise StoreError(
            f"{asset} cannot be written to {folder}: {error.strerror or error}; what was there "
            f"before is unchanged. Free some space or set HN_DATA_DIR to a folder that can be "
            f"written"
        ) from error


def _is_about(error: OSError, folder: Path) -> bool:
    if error.filename is None:  # writing to an open file failed
        return True
    path = Path(str(error.filename))
    if error.errno in _NO_SPACE and path.is_relative_to(folder.parent):
        return True
    return path.is_relative_to(folder) or folder.is_relative_to(path)
