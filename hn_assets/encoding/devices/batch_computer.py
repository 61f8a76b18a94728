"""Compute batches on one device: the next one beside what is fetched, in halves if it must be."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.batches.batching import Batch, Layout
from hn_assets.encoding.devices.arithmetic import products_in
from hn_assets.encoding.devices.card import Card
from hn_assets.encoding.devices.forward_cost import ForwardCost
from hn_assets.errors import ModelError

if TYPE_CHECKING:
    import torch

AnyBatch = TypeVar("AnyBatch", bound=Batch)


@dataclass
class DeviceReport:
    """How a copy of a model computes, for reports; it changes while it computes.

    Attributes:
        layout: How batches are to be cut for it.
        attention: Whether texts are padded, as a phrase.
        linear_layers: What was done to the linear layers, as a phrase.
        compile: Whether `torch.compile` is used, as a phrase.
        cost: The operations that the model needs.
        card: The card, None on other devices.
        max_tokens: What the batches were halved to as memory ran out; None if it never did.
    """

    layout: Layout
    attention: str = "padded"
    linear_layers: str = "as loaded"
    compile: str = "switched off"
    cost: ForwardCost = field(default_factory=ForwardCost)
    card: Card | None = None
    max_tokens: int | None = None


def common_layout(reports: Sequence[DeviceReport]) -> Layout:
    """How batches are cut that any of several devices may get.

    Texts are laid end to end if all devices can do that, and padded if not.
    """
    first = reports[0].layout
    return first if all(report.layout == first for report in reports) else "sorted"


class BatchComputer(Generic[AnyBatch]):
    """Computes batches on `device`; what it computes, a subclass says in `_forward`.

    A batch that the memory of a card is too small for is computed in halves, and so are the later
    ones of that size.

    Args:
        name: The model's name, for errors.
        device: The torch device.
        precision: float32, tf32, bfloat16 or float16.
        report: How it computes.
        remedy: What a user can do if a single text is too long for the memory.
    """

    def __init__(
        self, name: str, device: str, precision: str, report: DeviceReport, remedy: str
    ) -> None:
        self.device, self.report = device, report
        self._precision = precision
        self._name, self._remedy = name, remedy

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
        except torch.OutOfMemoryError as error:
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


def halves(batch: AnyBatch) -> tuple[AnyBatch, AnyBatch]:
    """The texts of a batch in two batches of its own class."""
    first, second = batch.halves()
    return first, second  # type: ignore[return-value]
