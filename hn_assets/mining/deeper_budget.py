"""How many of the queries that filters leave short are searched deeper: what a budget allows.

The work of a deeper search is counted in candidates, since each has to be found, scored, judged and
written down. It is no time, so that a slow machine gives the same negatives as a fast one.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.settings.filters import FREE_CANDIDATES

SAMPLE = 2_000  # queries, of which it is seen how many are short
DEPTH_FACTOR = 4  # each time a query is searched again, it is searched so many times as deep


def next_depth(depth: int, max_depth: int) -> int:
    """How deep a query is searched that is still short of negatives at `depth`."""
    return min(DEPTH_FACTOR * depth, max_depth)


def depths_beyond(depth: int, max_depth: int) -> Iterator[int]:
    """The depths of all deeper searches that one query can need.

    >>> list(depths_beyond(210, 2000))
    [840, 2000]
    """
    while 0 < depth < max_depth:
        depth = next_depth(depth, max_depth)
        yield depth


def share_within_budget(
    blocks: Callable[[NDArray[np.bool_]], Iterable[CandidateBlock]],
    count_short: Callable[[CandidateBlock], int],
    keys: NDArray[np.float64],
    mined: NDArray[np.bool_],
    *,
    candidates: float,
    max_depth: int,
    budget: float,
) -> float:
    """The share of the short queries that can be searched deeper, to the end, within the budget.

    How many are short is estimated from those with the smallest keys, unless all of them could be
    searched deeper anyway.

    Args:
        blocks: The candidates of those mined queries for which an array of bool holds True.
        count_short: How many queries of a block the filters leave short.
        keys: A number of each query, from 0 to 1, that has nothing to do with what it asks.
        mined: Whether a query is mined; bool, (queries,).
        candidates: How many candidates a query has, on average.
        max_depth: How deep a query is searched at most.
        budget: How many candidates the deeper searches may look at, as a multiple of all that there
            are; `FREE_CANDIDATES` are always allowed.
    """
    count = int(mined.sum())
    allowed = max(budget * candidates * count, FREE_CANDIDATES)
    each = sum(depths_beyond(round(candidates), max_depth))
    if count * each <= allowed:
        return 1.0
    in_order = np.sort(keys[mined])
    last = in_order[min(SAMPLE, count) - 1]
    short = looked_at = 0
    for block in blocks(keys <= last):
        looked_at += len(block.queries)
        short += count_short(block)
    expected = count * each * short / max(looked_at, 1)
    return min(1.0, allowed / expected) if expected else 1.0
