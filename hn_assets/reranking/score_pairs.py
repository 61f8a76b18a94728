"""Scores for pairs of query and passage, computing only those that were never computed before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.encoding.computing_stats import ComputingStats
from hn_assets.encoding.vectors.vector_cache import VectorCache, text_key
from hn_assets.progress import Progress
from hn_assets.reranking.lazy_model import LazyReranker
from hn_assets.reranking.reranker import Reranker
from hn_assets.store import schemas

if TYPE_CHECKING:
    import pandas as pd

PAIRS_PER_SHARD = 1_024  # what a crash can lose


@dataclass(frozen=True)
class ScoreReport:
    """What was done.

    Attributes:
        scores: The scores of the pairs, in their order; float32.
        keys: The keys of the scores in the cache, in the same order.
        scored: How many pairs the model read just now.
        reused: How many pairs had a score from an earlier run.
        seconds: What scoring took.
        speed: How fast it was and what it waited for, by name; empty if nothing was scored.
    """

    scores: NDArray[np.float32]
    keys: list[bytes]
    scored: int
    reused: int
    seconds: float
    speed: dict[str, Any]


@dataclass(frozen=True)
class ShortlistReport:
    """What a teacher said of a shortlist.

    Attributes:
        scores: Columns query_id, doc_id, label and score, in the order of the file; the index
            is the place of each row in the shortlist that was given.
        scored: How many pairs the model read just now.
        reused: How many pairs had a score from an earlier run.
        seconds: What scoring took.
        speed: How fast it was and what it waited for, by name; empty if nothing was scored.
        space_folder: The name of the cache's folder that holds the scores.
        keys: The keys of the scores in the cache.
    """

    scores: pd.DataFrame
    scored: int
    reused: int
    seconds: float
    speed: dict[str, Any]
    space_folder: str
    keys: list[bytes]


def pair_key(query: str, passage: str) -> bytes:
    """The key of a pair in any space; the length says how far the query goes."""
    return text_key(f"{len(query)}:{query}{passage}")


def sigmoid(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-score)), between 0 and 1; computed in float64, float32 of the same shape.

    >>> sigmoid(np.float32([0, -1000])).tolist()
    [0.5, 0.0]
    """
    exact = scores.astype(np.float64)
    # The exponential of a negative number never overflows.
    small = np.exp(-np.abs(exact))
    return np.where(exact >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)


def score_shortlist(
    shortlist: pd.DataFrame,
    texts: Sequence[tuple[str, str]],
    target: Path,
    *,
    reranker: LazyReranker,
    cache_folder: Path,
    what: str,
    log: Callable[[str], None],
) -> ShortlistReport:
    """Score a shortlist with the teacher, and write its scores to `target`.

    Args:
        shortlist: Columns query_id, doc_id and label (1 for positives, 0 for candidates), with
            the index 0, 1, 2, ...
        texts: (query, passage) of each row.
        target: The Parquet file to write, with the columns of `schemas.TEACHER_SCORES`; ordered
            by query, positives first.
        reranker: Scores what has no score yet, and says whether scores go through a sigmoid.
        cache_folder: The folder of all vectors and scores that were ever computed.
        what: What is scored, for the lines of progress.
        log: Takes a line of progress now and then.

    Raises:
        ModelError: The model cannot be loaded, or cannot score a pair.
    """
    cache = VectorCache(cache_folder, reranker.space())
    report = score_pairs(texts, cache=cache, reranker=reranker.get, what=what, log=log)
    scores = sigmoid(report.scores) if reranker.settings.sigmoid else report.scores
    scored = shortlist.assign(score=scores).sort_values(
        ["query_id", "label", "doc_id"], ascending=[True, False, True]
    )
    kept = pa.Table.from_pandas(scored, schemas.TEACHER_SCORES, preserve_index=False)
    pq.write_table(kept.replace_schema_metadata(None), target, compression="zstd")
    return ShortlistReport(
        scores=scored,
        scored=report.scored,
        reused=report.reused,
        seconds=report.seconds,
        speed=report.speed,
        space_folder=cache.folder.name,
        keys=report.keys,
    )


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
        pairs: The texts of each pair.
        cache: The cache of the space that `reranker` scores in, with vectors of one dimension.
        reranker: Makes the model; not called if nothing is to be scored.
        what: What is scored, for the lines of progress.
        log: Takes a line of progress now and then.

    Raises:
        ModelError: The model cannot score a pair.
    """
    keys = [pair_key(query, passage) for query, passage in pairs]
    missing = {keys[i]: i for i in np.flatnonzero(cache.find(keys) < 0)}
    # Pairs of like length are scored together, so that little is padded; the key settles ties.
    rows = sorted(missing.values(), key=lambda i: (-sum(map(len, pairs[i])), keys[i]))
    seconds, speed = 0.0, {}
    if rows:
        model = reranker()
        stats = model.stats = ComputingStats()
        with Progress(what, len(rows), log, unit="pairs") as progress:
            shards = [
                rows[first : first + PAIRS_PER_SHARD]
                for first in range(0, len(rows), PAIRS_PER_SHARD)
            ]
            scored = model.score_shards([pairs[i] for i in shard] for shard in shards)
            for shard, scores in zip(shards, scored, strict=True):
                start = time.perf_counter()
                cache.add([keys[i] for i in shard], scores[:, None])
                stats.waited_for_writing += time.perf_counter() - start
                progress(stats)
        seconds, speed = stats.seconds, model.speed_figures()
    return ScoreReport(
        scores=cache.take(cache.find(keys))[:, 0] if keys else np.zeros(0, np.float32),
        keys=keys,
        scored=len(rows),
        reused=len(set(keys)) - len(rows),
        seconds=seconds,
        speed=speed,
    )
