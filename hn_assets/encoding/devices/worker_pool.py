"""The workers that compute batches: this process on one device, or a process per device."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from hn_assets.encoding.batching import Batch
from hn_assets.encoding.devices.device_model import DeviceModel
from hn_assets.encoding.models.model import LoadedModel, ModelIdentity, load_model
from hn_assets.encoding.vectors.vector_file import Vectors
from hn_assets.errors import WorkerError
from hn_assets.settings.encoding import EncodingSettings

AHEAD = 2  # batches handed to each process: one is computed, one waits beside it


class Workers(Protocol):
    """Computes batches, in any order."""

    def compute(
        self, batches: Sequence[Batch], *, compiled: bool
    ) -> Iterator[tuple[Batch, Vectors]]:
        """Each batch with its vectors."""
        ...

    def linear_layers(self) -> str:
        """What was done to the model's linear layers, as a phrase for reports."""
        ...

    def close(self) -> None:
        """End the processes, if there are any."""
        ...


class OneDevice:
    """Computes in this process."""

    def __init__(self, model: LoadedModel, device: str) -> None:
        self._model = DeviceModel(model, device)

    def compute(
        self, batches: Sequence[Batch], *, compiled: bool
    ) -> Iterator[tuple[Batch, Vectors]]:
        """Each batch with its vectors, in their order."""
        return self._model.compute(batches, compiled=compiled)

    def linear_layers(self) -> str:
        """What was done to the model's linear layers."""
        return self._model.linear_layers

    def close(self) -> None:
        """Nothing to end."""


class OnePerDevice:
    """A process for each device; all take batches from one queue, so that a fast one takes more.

    Each loads the model for itself.

    Raises:
        WorkerError: A process has died; raised by `compute`. The other processes are ended.
    """

    def __init__(self, model: LoadedModel, devices: Sequence[str]) -> None:
        # A process that CUDA was used in cannot be forked.
        context = multiprocessing.get_context("spawn")
        names: Any = context.SimpleQueue()
        for device in devices:
            names.put(device)
        self._devices = list(devices)
        self._processes = ProcessPoolExecutor(
            len(devices),
            mp_context=context,
            initializer=_start,
            initargs=(names, model.settings, model.identity, model.precision),
        )

    def compute(
        self, batches: Sequence[Batch], *, compiled: bool
    ) -> Iterator[tuple[Batch, Vectors]]:
        """Each batch with its vectors, as they are ready."""
        waiting = iter(batches)
        under_way: dict[Future[Vectors], Batch] = {}
        try:
            while True:
                while len(under_way) < AHEAD * len(self._devices):
                    batch = next(waiting, None)
                    if batch is None:
                        break
                    under_way[self._processes.submit(_compute, batch, compiled)] = batch
                if not under_way:
                    return
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    yield under_way.pop(future), future.result()
        except BrokenProcessPool as error:
            raise WorkerError(
                f"a process that encodes on one of {', '.join(self._devices)} ended by itself: it "
                f"was killed (out of memory?), its card is gone, or it could not load the model; "
                f"its output is in the step's log. What was encoded before is kept"
            ) from error

    def linear_layers(self) -> str:
        """What was done to the model's linear layers."""
        return self._processes.submit(_linear_layers).result()

    def close(self) -> None:
        """End the processes."""
        self._processes.shutdown(cancel_futures=True)


_model: DeviceModel | None = None  # in a process that `_start` prepared


def _start(names: Any, settings: EncodingSettings, identity: ModelIdentity, precision: str) -> None:
    global _model
    # The executor ends its processes by this signal, which one may inherit to ignore.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None, "only child processes are started like this"
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    device = names.get()
    model = load_model(settings, devices=[device], precision=precision, identity=identity)
    _model = DeviceModel(model, device)


def _end_with(parent: Any) -> None:
    """End this process with its parent, which cannot tell it to if it is killed."""
    parent.join()
    os._exit(1)


def _compute(batch: Batch, compiled: bool) -> Vectors:
    assert _model is not None
    return next(_model.compute([batch], compiled=compiled))[1]


def _linear_layers() -> str:
    assert _model is not None
    return _model.linear_layers
