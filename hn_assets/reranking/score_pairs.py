"""Scores for pairs of query and passage, computing only those that were never computed before."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_cache import VectorCache, text_key
from hn_assets.progress import Progress
from hn_assets.reranking.model import Reranker

PAIRS_PER_SHARD = 1_024  # what a crash can lose


@dataclass(frozen=True)
class ScoreReport:
    """What was done.

    Attributes:
        scores: of the pairs, in their order; float32.
        keys: of the scores in the cache, in the same order.
        scored: pairs that the model read just now.
        reused: pairs whose score was there from an earlier run.
        seconds: that scoring took.
    """

    scores: NDArray[np.float32]
    keys: list[bytes]
    scored: int
    reused: int
    seconds: float


@dataclass
class _Counts:
    texts: int = 0
    tokens: int = 0
    seconds: float = 0.0


def pair_key(query: str, passage: str) -> bytes:
    """The key of a pair in any space; the length keeps apart where the query ends."""
    return text_key(f"{len(query)}:{query}{passage}")


def score_pairs(
    pairs: Sequence[tuple[str, str]],
    *,
    cache: VectorCache,
    reranker: Callable[[], Reranker],
    what: str,
    log: Callable[[str], None],
) -> ScoreReport:
    """The score of every (query, passage).

    What is computed is committed to `cache` shard by shard, so that a run that is cut off goes on
    from there.

    Args:
        pairs: texts.
        cache: of the space that `reranker` scores in, with vectors of one dimension.
        reranker: makes it; not called where nothing is to be scored.
        what: is scored, for the lines of progress.
        log: takes a line of progress now and then.

    Raises:
        ModelError: the model cannot score a pair.
    """
    keys = [pair_key(query, passage) for query, passage in pairs]
    missing = {keys[i]: i for i in np.flatnonzero(cache.find(keys) < 0)}
    # of like length together, so that little is padded; the key settles ties
    rows = sorted(missing.values(), key=lambda i: (-sum(map(len, pairs[i])), keys[i]))
    counts = _Counts()
    if rows:
        model = reranker()
        with Progress(what, len(rows), log, unit="pairs") as progress:
            for first in range(0, len(rows), PAIRS_PER_SHARD):
                shard = rows[first : first + PAIRS_PER_SHARD]
                begun = time.perf_counter()
                scores = model.score([pairs[i] for i in shard])
                cache.add([keys[i] for i in shard], scores[:, None])
                counts.seconds += time.perf_counter() - begun
                counts.texts += len(shard)
                progress(counts)
    return ScoreReport(
        scores=cache.take(cache.find(keys))[:, 0] if keys else np.zeros(0, np.float32),
        keys=keys,
        scored=len(rows),
        reused=len(set(keys)) - len(rows),
        seconds=counts.seconds,
    )
