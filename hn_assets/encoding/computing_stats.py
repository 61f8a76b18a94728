"""What computing vectors or scores has done so far, and what is reported of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.devices.card import PRODUCT_SIZE, Card
from hn_assets.encoding.devices.device_report import DeviceReport
from hn_assets.encoding.devices.forward_cost import ForwardCost


@dataclass
class ComputingStats:
    """What was computed so far.

    Attributes:
        texts: How many texts, or pairs of them, were computed.
        tokens: How many tokens were read, special ones counted, padding not.
        truncated: How many texts were longer than the limit, so that their end was not read.
        operations: What the forward passes needed for these tokens; 0 if that is not known.
        seconds: What it took, without what was done with the results.
        waited_for_tokens: The seconds of these in which nothing was tokenised yet to compute.
        waited_for_writing: The seconds in which results could not be handed on, as earlier ones
            were still being written; not part of `seconds`.
    """

    texts: int = 0
    tokens: int = 0
    truncated: int = 0
    operations: float = 0.0
    seconds: float = 0.0
    waited_for_tokens: float = 0.0
    waited_for_writing: float = 0.0

    def count(self, lengths: NDArray[np.int64], cost: ForwardCost) -> None:
        """Count texts of these lengths that a model of this cost has computed."""
        self.texts += len(lengths)
        self.tokens += int(lengths.sum())
        self.operations += cost.of(lengths)

    def figures(self, reports: Sequence[DeviceReport], precision: str) -> dict[str, Any]:
        """How fast it was and what it waited for, for metadata; what is not known is left out.

        Args:
            reports: How each device computes.
            precision: What they compute in.
        """
        seconds = max(self.seconds, 1e-9)
        tflops = self.operations / seconds / 1e12
        cards = {
            # of several machines, each may call its first card the same
            (report.card.uuid, report.card.device): report.card
            for report in reports
            if report.card is not None
        }
        return {
            "tokens": self.tokens,
            "tokens_per_second": round(self.tokens / seconds, 1),
            "waited_for_tokens_share": round(self.waited_for_tokens / seconds, 4),
            "waited_for_writing_share": round(
                self.waited_for_writing / (seconds + self.waited_for_writing), 4
            ),
            **({"tflops": float(f"{tflops:.4g}")} if tflops else {}),
            **_describe_cards(list(cards.values()), precision, tflops),
        }


def _describe_cards(cards: list[Card], precision: str, tflops: float) -> dict[str, Any]:
    if not cards:
        return {}
    names = [card.name for card in cards]
    known = [card.peak_tflops for card in cards if card.peak_tflops is not None]
    peak = sum(known)
    return {
        "card": ", ".join(
            f"{names.count(name)} x {name}" if names.count(name) > 1 else name
            for name in dict.fromkeys(names)
        ),
        "card_driver": cards[0].driver,
        "card_memory_mib": min(card.memory_mib for card in cards),
        "card_peak_memory_mib": max(card.peak_memory_mib for card in cards),
        **(
            {
                "peak_tflops": round(peak, 1),
                "peak_tflops_source": f"measured: a matrix product of {PRODUCT_SIZE:,} cubed in "
                f"{precision}{' on each card' if len(cards) > 1 else ''}",
                **({"share_of_peak": round(tflops / peak, 4)} if tflops else {}),
            }
            if len(known) == len(cards)
            else {}
        ),
    }
