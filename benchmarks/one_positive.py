"""Collections with one visible positive of each query, and what mining leaks there.

The leak is the share of hidden positives among the 15 hardest candidates below a threshold.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.false_negatives import WANTED
from hn_assets.mining.holdout.splits import HoldoutRankings, HoldoutSplit
from hn_assets.mining.named_plans import HN_MINE_RANGE

DEPTH = 1000


def one_visible(whole: Sequence[HoldoutSplit], seed: int) -> list[HoldoutSplit]:
    """One positive of each query, by chance, is visible; the test knows all."""
    rng = np.random.default_rng(seed)
    return [
        HoldoutSplit(split.query, np.arange(len(split.known)) == rng.integers(len(split.known)),
                     split.known)
        for split in whole
    ]  # fmt: skip


def hn_mine_range(rankings: HoldoutRankings) -> tuple[float, float]:
    """Leak and mean cosine of a random choice from hn_mine's range."""
    features = rankings.features
    start, end = HN_MINE_RANGE
    inside = features.eligible & (features.place >= start) & (features.place < end)
    share = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    scores = np.where(inside, features.scores, 0)
    return float((share * rankings.hidden).sum(1).mean()), float((share * scores).sum(1).mean())


def at_hardness(
    rankings: HoldoutRankings, probability: NDArray[np.float32], hardness: float
) -> tuple[float, float, float]:
    """Leak, share of full queries and expected leak at the threshold with this mean cosine."""
    eligible = rankings.features.eligible
    sorted_ = np.sort(probability[eligible])
    low, high = 0, len(sorted_) - 1
    while high - low > 1:
        middle = (low + high) // 2
        chosen = hardest(eligible & (probability < sorted_[middle]))
        harder = rankings.features.scores[chosen].mean() >= hardness if chosen.any() else False
        low, high = (low, middle) if harder else (middle, high)
    chosen = hardest(eligible & (probability < sorted_[high]))
    return (
        float(rankings.hidden[chosen].mean()),
        float((chosen.sum(axis=1) == WANTED).mean()),
        float(probability[chosen].mean()),
    )


def hardest(candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The best ranked of some candidates of each query."""
    return candidates & (np.cumsum(candidates, axis=1) <= WANTED)
