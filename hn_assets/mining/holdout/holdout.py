"""Hide known positives and see whether they would be mined: how false negatives are measured.

To a miner, a hidden positive is what a relevant passage is that nobody labelled. So the share of
hidden positives among the mined negatives estimates the false-negative rate of a method.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.mining.data.candidate_block import CandidateBlock, join_blocks
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery, IndexedDataset
from hn_assets.mining.holdout.draws import HoldoutDraws, number_positives
from hn_assets.mining.holdout.other_queries import AMONG_BEST, OtherQueries
from hn_assets.mining.holdout.splits import HoldoutRankings, HoldoutSplit
from hn_assets.mining.relevance.compute_features import candidate_features
from hn_assets.mining.relevance.similarity import (
    WINDOW,
    closest_and_mean,
    cosines_to,
    mean_direction,
    positive_scores,
    similarities,
)
from hn_assets.mining.rules.sampling import hash_ids, random_keys, uniform_keys

FOLDS = 5  # parts of a query's positives, each hidden once
MAX_QUERIES = 1000  # looked at: more take longer and narrow the interval little
MAX_SINGLE = 300  # of queries with one positive, which nothing is hidden of
MAX_POSITIVES = 20_000  # of all of them; a cosine to each candidate is kept


# `halves` hides one of so many parts of each query's positives; the share in words, for people.
HIDDEN_PARTS = 2
HIDDEN_SHARE = "half"


class Holdout:
    """Queries, and all that is needed to hide some of their positives.

    Args:
        blocks: Reads the candidates of those mined queries for which an array of bool holds True,
            and of others, too, if it likes.
        dataset: The dataset.
        queries: The vectors of the queries.
        documents: The vectors of the documents.
        seed: Decides which queries are looked at if there are many, and what is hidden.
        min_positives: How many positives a query must have.
        lexical_retrievers: The retrievers of the blocks that rank by words.

    Attributes:
        rows: The rows of the queries; int64.
        weights: How many mined queries each of the queries stands for; float64.
        depth: The depth of the rankings.
        lexical_retrievers: The retrievers that rank by words.
    """

    def __init__(
        self,
        blocks: Callable[[NDArray[np.bool_]], Iterable[CandidateBlock]],
        dataset: IndexedDataset,
        queries: VectorSource,
        documents: VectorSource,
        *,
        seed: int,
        min_positives: int = 2,
        lexical_retrievers: Sequence[str] = (),
    ) -> None:
        self.lexical_retrievers = tuple(lexical_retrievers)
        stands_for = _choose_queries(dataset, seed, min_positives)
        wanted = stands_for > 0
        self._block = join_blocks([part.take(wanted[part.queries]) for part in blocks(wanted)])
        self.rows, self.depth = self._block.queries, self._block.depth
        self.weights = stands_for[self.rows]
        self._query_hashes = hash_ids(dataset.query_ids.take(self.rows).to_pylist(), seed)
        positives_of = [dataset.positives.of(row) for row in self.rows]
        self._keys = [
            random_keys(query, hash_ids(dataset.document_ids.take(found).to_pylist(), seed))
            for query, found in zip(self._query_hashes, positives_of, strict=True)
        ]
        self._usable, self._positive = number_positives(self._block, dataset)
        self._cosines = [
            cosines_to(ranked, found, documents)
            for ranked, found in zip(self._block.documents, positives_of, strict=True)
        ]
        scores = positive_scores(dataset.positives, queries, documents)
        starts = dataset.positives.starts
        self._positive_scores = [scores[starts[row] : starts[row + 1]] for row in self.rows]
        nothing = DocumentsByQuery.none(len(starts) - 1)
        self._similarities = similarities(self._block, nothing, documents, mean_direction(queries))
        self._others = OtherQueries(self.rows, self._block.documents, dataset, queries)
        self._uniform = self._draw(dataset, len(documents), seed)
        self._draws_of = partial(
            HoldoutDraws,
            self._block,
            self._query_hashes,
            dataset,
            queries,
            documents,
            seed=seed,
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def positives(self) -> int:
        """How many positives the queries have together."""
        return sum(map(len, self._keys))

    @property
    def retrievers(self) -> tuple[str, ...]:
        """The retrievers whose finds were joined; none if the encoder alone has ranked."""
        return self._block.retrievers

    def _draw(self, dataset: IndexedDataset, documents: int, seed: int) -> NDArray[np.float64]:
        """The numbers that decide a random choice; (queries, depth)."""
        ids = np.unique(self._block.documents)
        ids = ids[ids >= 0]
        hashes = np.zeros(documents, np.uint64)
        hashes[ids] = hash_ids(dataset.document_ids.take(ids).to_pylist(), seed)
        own = hashes[np.maximum(self._block.documents, 0)]
        return uniform_keys(random_keys(self._query_hashes[:, None], own))

    def draws(self, count: int) -> HoldoutDraws:
        """Documents of the whole corpus, of which a miner takes at most `count` for a query."""
        return self._draws_of(count=count)

    def halves(self, repeat: int) -> list[HoldoutSplit]:
        """One split per query with half of its positives hidden; if odd, one more stays visible.

        Args:
            repeat: Another number hides other positives.
        """
        return [
            HoldoutSplit(
                query,
                ~self._parts(query, np.arange(len(keys)), HIDDEN_PARTS, repeat)[0],
                np.ones(len(keys), bool),
            )
            for query, keys in enumerate(self._keys)
        ]

    def leave_out(self, splits: Sequence[HoldoutSplit]) -> list[HoldoutSplit]:
        """Splits in which every visible positive is hidden once, up to `FOLDS` per query.

        What was not visible stays unknown. Queries with one visible positive are left out:
        without any, nothing can be judged.
        """
        out: list[HoldoutSplit] = []
        for split in splits:
            known = np.flatnonzero(split.visible)
            if len(known) < 2:
                continue
            for part in self._parts(split.query, known, min(len(known), FOLDS), 0):
                out.append(HoldoutSplit(split.query, split.visible & ~part, split.visible))
        return out

    def all_visible(self) -> list[HoldoutSplit]:
        """One split per query in which nothing is hidden."""
        return [
            HoldoutSplit(query, np.ones(len(keys), bool), np.ones(len(keys), bool))
            for query, keys in enumerate(self._keys)
        ]

    def groups(self, count: int) -> NDArray[np.int64]:
        """A group for each query, from 0, so that fitting and judging can use different ones."""
        return (self._query_hashes % np.uint64(count)).astype(np.int64)

    def hide(
        self,
        splits: Sequence[HoldoutSplit],
        all_splits: Sequence[HoldoutSplit],
        draws: HoldoutDraws | None = None,
    ) -> HoldoutRankings:
        """The rankings as a miner sees them that knows only the visible positives.

        Args:
            splits: The queries to mine; a query may have several splits.
            all_splits: What is visible of every query here: one split each, in their order.
            draws: What the queries draw, for methods that take documents at random.
        """
        shape = (len(splits), self.depth)
        eligible, hidden, visible = (np.zeros(shape, bool) for _ in range(3))
        closest, mean = np.full(shape, -1, np.float32), np.full(shape, -1, np.float32)
        references = np.zeros((len(splits), 3), np.float32)
        query = np.array([split.query for split in splits], np.int64)
        for row, split in enumerate(splits):
            positive = self._positive[split.query]
            is_positive = positive >= 0
            visible[row] = is_positive & split.visible[positive]
            eligible[row] = self._usable[split.query] & ~visible[row]
            hidden[row] = eligible[row] & is_positive & split.known[positive]
            cosines = self._cosines[split.query][:, split.visible]
            closest[row], mean[row] = closest_and_mean(cosines)
            scores = self._positive_scores[split.query][split.visible]
            references[row] = scores.min(), scores.mean(), scores.max()
        features = candidate_features(
            self._block.take(query),
            eligible=eligible,
            reference_scores=references,
            similarity=replace(self._similarities.take(query), closest=closest, mean=mean),
            cross_query_similarity=self._others.similarity(all_splits)[query],
            lexical_retrievers=self.lexical_retrievers,
        )
        drawn = None if draws is None else draws.hide(splits)
        known = np.array([split.visible.sum() for split in splits], np.int64)
        uniform = self._uniform[query]
        return HoldoutRankings(query, features, hidden, visible, known, uniform, drawn)

    def lend(
        self, splits: Sequence[HoldoutSplit], all_splits: Sequence[HoldoutSplit]
    ) -> HoldoutRankings:
        """Rankings of queries with one visible positive that others lend a second one.

        Hidden are, in the place of own positives, those of queries that ask nearly the same. What
        such a query would lend from a lower rank is neither hidden nor eligible: it is no negative.

        Args:
            splits: The queries; those with several visible positives need no other.
            all_splits: What is visible of every query here: one split each, in their order.
        """
        rankings = self.hide([split for split in splits if split.visible.sum() == 1], all_splits)
        lent, similarity = self._others.lend(all_splits)
        lent, similarity = lent[rankings.query], similarity[rankings.query]
        features, rank = rankings.features, rankings.features.score_rank
        hidden = features.eligible & lent & (rank < AMONG_BEST)
        eligible = features.eligible & (hidden | ~lent) & (rank < WINDOW)
        features = replace(features, eligible=eligible, cross_query_similarity=similarity)
        rankings = replace(rankings, features=features, hidden=hidden)
        return rankings.take(np.asarray(hidden.any(axis=1)))

    def _parts(
        self, query: int, which: NDArray[np.int64], count: int, repeat: int
    ) -> list[NDArray[np.bool_]]:
        """Cut some positives of a query into parts by their hashes; a mask of all for each part."""
        keys = self._keys[query]
        shuffled = random_keys(keys[which], np.array([repeat], np.uint64))
        order = which[np.argsort(shuffled, kind="stable")]
        out: list[NDArray[np.bool_]] = []
        for part in range(count):
            mask = np.zeros(len(keys), bool)
            mask[order[len(order) * part // count : len(order) * (part + 1) // count]] = True
            out.append(mask)
        return out


def _choose_queries(dataset: IndexedDataset, seed: int, min_positives: int) -> NDArray[np.float64]:
    """How many mined queries each query stands for, 0 if it is not looked at; (queries,).

    Queries with two positives or more are looked at first, as many as may be; of those with one,
    fewer are enough.
    """
    counts = dataset.positives.counts()
    stands_for = np.zeros(len(counts))
    for least, most, at_most in ((2, None, MAX_QUERIES), (1, 1, MAX_SINGLE)):
        if (most or least) < min_positives:
            continue
        able = dataset.mined & (counts >= max(least, min_positives))
        able &= counts <= (most or counts.max(initial=0))
        rows = np.flatnonzero(able)
        ids = dataset.query_ids.take(rows).to_pylist()
        order = rows[np.argsort(hash_ids(ids, seed), kind="stable")][:at_most]
        order = order[np.cumsum(counts[order]) <= MAX_POSITIVES]
        stands_for[order] = len(rows) / max(len(order), 1)
    return stands_for
