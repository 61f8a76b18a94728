"""Compute batches on one device: the next one beside what is fetched, in halves if it must be."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.batches.batching import Batch, default_max_tokens, padded_layout
from hn_assets.encoding.devices.arithmetic import products_in
from hn_assets.encoding.devices.card import find_card
from hn_assets.encoding.devices.device_report import DeviceReport
from hn_assets.encoding.devices.forward_cost import forward_cost
from hn_assets.encoding.devices.trial_batches import trial_batches
from hn_assets.errors import ModelError

if TYPE_CHECKING:
    import torch

AnyBatch = TypeVar("AnyBatch", bound=Batch)


class BatchComputer(Generic[AnyBatch]):
    """Computes batches on `device`; what it computes, a subclass says in `_forward`.

    A batch that the memory is too small for is computed in halves, and so are the later ones of
    that size.

    Args:
        name: The model's name, for errors.
        config: The model's configuration, of transformers.
        device: The torch device.
        precision: float32, tf32, bfloat16 or float16.
        max_tokens_per_batch: The most tokens of a batch, padding counted; None for the default.
        remedy: What a user can do if a single text is too long for the memory.

    Attributes:
        device: As given.
        report: How it computes.
        may_compile: Whether code may be compiled at any batch, which takes a minute or more.
    """

    may_compile = False

    def __init__(
        self,
        name: str,
        config: Any,
        device: str,
        precision: str,
        max_tokens_per_batch: int | None,
        remedy: str,
    ) -> None:
        self.device = device
        self.report = DeviceReport(
            layout=padded_layout(device),
            cost=forward_cost(config),
            card=find_card(device, precision),
        )
        self._name, self._precision, self._remedy = name, precision, remedy
        self._vocabulary = int(config.vocab_size)
        self._max_tokens = max_tokens_per_batch or default_max_tokens(device)

    def trials(self) -> Iterator[tuple[AnyBatch, float]]:
        """Batches of growing size, each with how many times larger the largest can be."""
        for batch, larger in trial_batches(self._vocabulary, self.report.layout, self._max_tokens):
            yield self._adopt(batch), larger

    def _adopt(self, batch: Batch) -> AnyBatch:
        """A batch of this computer's class, of the texts of a plain one."""
        raise NotImplementedError

    def compute(
        self, batches: Iterable[AnyBatch]
    ) -> Iterator[tuple[AnyBatch, NDArray[np.float32]]]:
        """Each batch with what `_forward` gave for it, float32, in their order.

        A card already works on the next batch while the results of one are fetched.

        Raises:
            ModelError: The memory of the device is too small for a single text.
        """
        waiting: tuple[AnyBatch, list[_Started]] | None = None
        for batch in batches:
            started = batch, self._start(batch)
            if waiting is not None:
                yield waiting[0], self._fetch(waiting[1])
            waiting = started
        if waiting is not None:
            yield waiting[0], self._fetch(waiting[1])

    def _forward(self, batch: AnyBatch) -> "torch.Tensor":
        """What is computed of a batch, a row per text, on the device."""
        raise NotImplementedError

    def _start(self, batch: AnyBatch) -> "list[_Started]":
        import torch

        most = self.report.max_tokens
        if most is not None and batch.tokens.size > most and len(batch.rows) > 1:
            return [started for half in halves(batch) for started in self._start(half)]
        try:
            with products_in(self._precision):
                return [_Started(self._forward(batch))]
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            if len(batch.rows) == 1:
                raise ModelError(
                    f"the memory of {self.device} is too small for {self._name} with a single "
                    f"text of {batch.tokens.size:,} tokens: {self._remedy}, or take a smaller "
                    f"model or compute.precision"
                ) from error
        # Out of the handler, as the error keeps alive what the failed pass had allocated.
        self.report.max_tokens = batch.tokens.size // 2
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        return [started for half in halves(batch) for started in self._start(half)]

    def _fetch(self, parts: "list[_Started]") -> NDArray[np.float32]:
        results = np.concatenate([part.fetch() for part in parts])
        if self.report.card is not None:
            self.report.card.look_at_memory()
        return results


class _Started:
    """Results on their way to main memory."""

    def __init__(self, vectors: "torch.Tensor") -> None:
        self._event: Any = None
        if vectors.is_cuda:
            import torch

            # The copy is pinned, and follows this pass alone: it does not wait for the next one.
            vectors = vectors.to("cpu", non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()
        self._vectors = vectors

    def fetch(self) -> NDArray[np.float32]:
        if self._event is not None:
            self._event.synchronize()
        return self._vectors.cpu().numpy()


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was too small; what PyTorch raises says so by its class on cards alone."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(phrase in str(error) for phrase in ("can't allocate memory", "out of memory"))


def halves(batch: AnyBatch) -> tuple[AnyBatch, AnyBatch]:
    """The texts of a batch in two batches of its own class."""
    first, second = batch.halves()
    return first, second  # type: ignore[return-value]
