"""The rounds of mining, training and promotion, as the manifest of `promoted_model` keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hn_assets.mining.holdout.audit import audited_rate

if TYPE_CHECKING:
    import pandas as pd

ROUNDS = "rounds"  # the key of the history in the manifest
TRAINED = "trained"  # in the manifest of `fine_tuned_model`: whether anything was trained
NOTHING_TRAINED = "nothing was trained"  # the outcome of a run after the last round
# of a round: the measured rate of its negatives and the ends of its interval, in percent; a round
# whose rate could not be measured has none of them
RATE, RATE_LOW, RATE_HIGH = (
    "false_negatives_percent_measured",
    "false_negatives_low",
    "false_negatives_high",
)
RATE_NEGATIVES = "false_negatives_measured_on"  # how many negatives


def rate_of_round(methods: pd.DataFrame) -> dict[str, Any]:
    """The rate of a round's negatives as its row keeps it; empty if it was measured on none.

    Args:
        methods: The table of the audit.
    """
    rate = audited_rate(methods)
    if rate is None:
        return {}
    percent = {RATE: rate.rate, RATE_LOW: rate.low, RATE_HIGH: rate.high}
    return {
        **{name: round(100 * value, 3) for name, value in percent.items()},
        RATE_NEGATIVES: rate.negatives,
    }


def last_two_rates(
    rounds: Sequence[Mapping[str, Any]],
) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The last two rounds whose false-negative rate was measured, or None if there are none."""
    measured = [row for row in rounds if RATE in row]
    return (measured[-2], measured[-1]) if len(measured) > 1 else None


def describe_rounds(rounds: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The rounds for people, in few columns: the latest first."""
    return [
        {
            "outcome": row["outcome"],
            "nDCG@10": f"{row['ndcg_at_10_before']:.4f} to {row['ndcg_at_10_after']:.4f}",
            "false negatives, % (measured)": str(row.get(RATE, "?")),
            "negatives mined with": row.get("mined_with", "?"),
            "interval of the change": f"{row['low']:+.4f} to {row['high']:+.4f}",
            "day": row["time"][:10],
        }
        for row in reversed(rounds)
    ]
