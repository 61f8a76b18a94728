"""How a copy of a model computes on its device."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hn_assets.encoding.batches.batching import Layout
from hn_assets.encoding.devices.card import Card
from hn_assets.encoding.devices.forward_cost import ForwardCost


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
