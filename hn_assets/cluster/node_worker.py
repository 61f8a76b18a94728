"""What a worker on a node does: take files, load what computes, and compute jobs."""

import pickle
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hn_assets import __version__
from hn_assets.cluster.shipped_files import NodeFiles, ShippedFiles
from hn_assets.errors import HardNegativesError

# What a worker is asked to load: a function of the torch device and of the folder that the files
# which it needs are in on this node, None if it needs none.
Load = Callable[[str, Path | None], Any]


class NodeWorker:
    """Computes jobs on a node; an actor of Ray, whose methods are called one after another.

    What goes wrong is returned, not raised, so that Ray adds nothing to it.

    Args:
        device: The torch device that it computes on.
        cpus: How many cores it may use.
    """

    def __init__(self, device: str, cpus: int) -> None:
        self._device, self._cpus = device, cpus
        self._files: NodeFiles | None = None
        self._computer: Any = None

    def begin(self, files: ShippedFiles | None) -> tuple[str, bool]:
        """The version of this package here, and whether the files have to be sent."""
        self._computer = None  # of an earlier task
        if files is None:
            self._files = None
            return __version__, False
        self._files = NodeFiles(files)
        return __version__, self._files.find() is None

    def receive(self, name: str, part: bytes) -> None:
        """Take the next part of a file."""
        assert self._files is not None, "begin was called"
        self._files.receive(name, part)

    def load(self, load: bytes) -> tuple[str, bytes]:
        """Load what computes, by a pickled `Load`.

        Returns:
            `loaded` and how it computes, or `error` and what was raised; pickled.
        """
        try:
            folder = None if self._files is None else self._files.finish()
            self._computer = pickle.loads(load)(self._device, folder)
            _use_cores(self._cpus)
            return "loaded", pickle.dumps(self._computer.report)
        except Exception as error:
            return "error", _describe(error)

    def compute(self, job: bytes) -> tuple[str, bytes, float]:
        """Compute a pickled job.

        Returns:
            `done`, its result and how it was computed, pickled, and the seconds that it took; or
            `error`, what was raised, pickled, and 0.
        """
        begun = time.perf_counter()
        try:
            ((_, result),) = self._computer.compute([pickle.loads(job)])
            answer = pickle.dumps((result, self._computer.report), protocol=pickle.HIGHEST_PROTOCOL)
            return "done", answer, time.perf_counter() - begun
        except Exception as error:
            return "error", _describe(error), 0.0


def _use_cores(cpus: int) -> None:
    """Have PyTorch use so many cores, if it was loaded."""
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(max(1, cpus))


def _describe(error: Exception) -> bytes:
    """An error that a user can put right as it is; of any other, the text."""
    if isinstance(error, HardNegativesError):
        return pickle.dumps(error)
    traceback.print_exc()
    return pickle.dumps(f"{type(error).__name__}: {error}")
