"""Hide known positives and look whether they would be mined: how false negatives are measured.

A hidden positive is to a miner what a relevant passage is that nobody labelled. So the share of
hidden positives among mined negatives, the leak, says what a method does with those.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery, IndexedDataset
from hn_assets.mining.relevance.cross_query import CrossQueryFinder
from hn_assets.mining.relevance.logistic_model import features
from hn_assets.mining.relevance.positive_similarity import (
    PositiveSimilarity,
    cosines_to,
    positive_scores,
    positive_similarity,
)
from hn_assets.mining.rules.always_excluded import contains, unusable
from hn_assets.mining.rules.reasons import KEPT
from hn_assets.mining.sampling import hash_ids, random_keys, uniform_keys

FOLDS = 5  # parts of a query's positives, each hidden once
MOST_QUERIES = 1000  # looked at: more take longer and narrow the interval little
MOST_POSITIVES = 100_000  # of all of them; a cosine to each candidate is kept
Z = 1.96  # of a 95 % interval


@dataclass(frozen=True)
class HoldoutSplit:
    """What a miner knows of one query's positives, and what the one who tests it knows.

    Attributes:
        place: of the query in the `Holdout`.
        visible: to the miner; bool, (positives,).
        known: to the one who tests; the others are unlabelled to both.
    """

    place: int
    visible: NDArray[np.bool_]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class HoldoutRankings:
    """Rankings with some positives hidden, one row each.

    Attributes:
        query: place in the `Holdout`; int64, (trials,).
        eligible: what may be mined: neither unusable nor a visible positive; (trials, depth).
        hidden: which candidates are hidden positives, or have the text of one.
        scores: float32, of the same shape.
        references: lowest, mean and highest score of the visible positives; (trials, 3).
        place: rank among the eligible, from 0.
        near: to the visible positives, and to the other candidates.
        elsewhere: relevance_estimate of the nearest other query that a candidate is a visible positive of.
        uniform: what decides where chance does.
    """

    query: NDArray[np.int64]
    eligible: NDArray[np.bool_]
    hidden: NDArray[np.bool_]
    scores: NDArray[np.float32]
    references: NDArray[np.float32]
    place: NDArray[np.int64]
    near: PositiveSimilarity
    elsewhere: NDArray[np.float32]
    uniform: NDArray[np.float64]

    @property
    def score_minus_mean_positive(self) -> NDArray[np.float32]:
        """Score minus the mean score of the visible positives."""
        return self.scores - self.references[:, 1:2]

    def features(self) -> NDArray[np.float32]:
        """What the model of relevance looks at; (trials, depth, features)."""
        score_minus_mean_positive = np.where(self.eligible, self.score_minus_mean_positive, 0)
        return features(score_minus_mean_positive, self.place, self.near, self.elsewhere)

    def take(self, which: NDArray[np.bool_]) -> "HoldoutRankings":
        """Some of the trials."""
        own = {name: values for name, values in vars(self).items() if name != "near"}
        near = PositiveSimilarity(
            **{name: values[which] for name, values in vars(self.near).items()}
        )
        return HoldoutRankings(near=near, **{name: values[which] for name, values in own.items()})


class Holdout:
    """Queries with two or more positives, and all that hiding some of them needs.

    Args:
        blocks: the candidates of the mined queries.
        collection: of the dataset.
        queries: vectors.
        documents: vectors.
        seed: decides which queries are looked at where there are many, and what is hidden.
        fewest: positives that a query must have.

    Attributes:
        rows: of the queries; int64.
        depth: of the rankings.
    """

    def __init__(
        self,
        blocks: Iterable[CandidateBlock],
        collection: IndexedDataset,
        queries: VectorSource,
        documents: VectorSource,
        *,
        seed: int,
        fewest: int = 2,
    ) -> None:
        counts = collection.positives.counts()
        able = np.flatnonzero(collection.mined & (counts >= fewest))
        ids = collection.query_ids.take(np.sort(able)).to_pylist()
        order = np.sort(able)[np.argsort(hash_ids(ids, seed), kind="stable")]
        order = order[:MOST_QUERIES]
        wanted = np.zeros(len(counts), bool)
        wanted[order[np.cumsum(counts[order]) <= MOST_POSITIVES]] = True
        block = _join([part.take(wanted[part.queries]) for part in blocks])
        self.rows, self.depth = block.queries, block.depth
        self._pool = block
        self._seed = seed
        self._hashes = hash_ids(collection.query_ids.take(block.queries).to_pylist(), seed)
        documents_of = [collection.positives.of(row) for row in block.queries]
        self._order = [
            random_keys(query, hash_ids(collection.document_ids.take(found).to_pylist(), seed))
            for query, found in zip(self._hashes, documents_of, strict=True)
        ]
        self._look(collection, queries, documents, documents_of)

    def __len__(self) -> int:
        return len(self.rows)

    def _look(
        self,
        collection: IndexedDataset,
        queries: VectorSource,
        documents: VectorSource,
        documents_of: list[NDArray[np.int64]],
    ) -> None:
        block, text = self._pool, collection.document_text_codes
        scores = positive_scores(collection.positives, queries, documents)
        starts = collection.positives.starts
        self._positive_scores = [scores[starts[r] : starts[r + 1]] for r in block.queries]
        others = contains(collection.relevant, block.queries, block.documents) & ~contains(
            collection.positives, block.queries, block.documents
        )
        self._usable = (unusable(block, collection) == KEPT) & ~others
        self._answers = np.full(block.documents.shape, -1, np.int64)
        self._cosines: list[NDArray[np.float32]] = []
        for row, found in enumerate(documents_of):
            candidates = block.documents[row]
            order = np.argsort(text[found], kind="stable")
            known = text[found][order]
            codes = text[candidates]
            near = np.minimum(np.searchsorted(known, codes), len(known) - 1)
            is_answer = (known[near] == codes) & (candidates >= 0)
            self._answers[row] = np.where(is_answer, order[near], -1)
            self._cosines.append(cosines_to(candidates, found, documents))
        self._local_density = positive_similarity(
            block, DocumentsByQuery.none(len(starts) - 1), documents
        ).local_density
        cross_query = CrossQueryFinder(collection.positives, queries, len(documents))
        self._elsewhere = cross_query.find(block.queries, block.documents)
        # of each entry the place of the other query here, -1 where it is not, and its positive
        place_of = np.full(len(starts) - 1, -1, np.int64)
        place_of[block.queries] = np.arange(len(block.queries))
        asked_by = collection.positives.queries()[self._elsewhere.pair]
        self._other = place_of[asked_by]
        self._other_positive = self._elsewhere.pair - starts[asked_by]
        ids = _distinct(block.documents)
        hashes = np.zeros(len(documents), np.uint64)
        hashes[ids] = hash_ids(collection.document_ids.take(ids).to_pylist(), self._seed)
        self._uniform = uniform_keys(
            random_keys(self._hashes[:, None], hashes[np.maximum(block.documents, 0)])
        )

    def halves(self, repeat: int) -> list[HoldoutSplit]:
        """Half of each query's positives hidden; one fewer than stay visible where odd.

        Args:
            repeat: another number hides others.
        """
        return [
            HoldoutSplit(
                place,
                ~self._part(place, np.arange(len(order)), 2, repeat)[0],
                np.ones(len(order), bool),
            )
            for place, order in enumerate(self._order)
        ]

    def left_out(self, views: Sequence[HoldoutSplit]) -> list[HoldoutSplit]:
        """Every visible positive hidden once, in up to `FOLDS` views of each query.

        What was not visible stays unknown. Queries with one visible positive are passed over:
        without any, nothing can be judged.
        """
        out: list[HoldoutSplit] = []
        for view in views:
            known = np.flatnonzero(view.visible)
            if len(known) < 2:
                continue
            for part in self._part(view.place, known, min(len(known), FOLDS), 0):
                out.append(HoldoutSplit(view.place, view.visible & ~part, view.visible))
        return out

    def all_visible(self) -> list[HoldoutSplit]:
        """Nothing hidden."""
        return [
            HoldoutSplit(place, np.ones(len(order), bool), np.ones(len(order), bool))
            for place, order in enumerate(self._order)
        ]

    def group(self, groups: int) -> NDArray[np.int64]:
        """A group for each query, from 0; so that fitting and judging can use different ones."""
        return (self._hashes % np.uint64(groups)).astype(np.int64)

    def hide(
        self, views: Sequence[HoldoutSplit], all_splits: Sequence[HoldoutSplit]
    ) -> HoldoutRankings:
        """The rankings as a miner sees them that knows only the visible positives.

        Args:
            views: of the queries to mine; a query may have several.
            all_splits: what is visible of every query here: one view each, in the order of places.
        """
        shape = (len(views), self.depth)
        eligible, hidden = np.zeros(shape, bool), np.zeros(shape, bool)
        closest, mean = np.full(shape, -1, np.float32), np.full(shape, -1, np.float32)
        references = np.zeros((len(views), 3), np.float32)
        query = np.array([view.place for view in views], np.int64)
        for row, view in enumerate(views):
            answers, is_answer = self._answers[view.place], self._answers[view.place] >= 0
            eligible[row] = self._usable[view.place] & ~(is_answer & view.visible[answers])
            hidden[row] = eligible[row] & is_answer & view.known[answers]
            cosines = self._cosines[view.place][:, view.visible]
            closest[row], mean[row] = cosines.max(axis=1), cosines.mean(axis=1)
            known = self._positive_scores[view.place][view.visible]
            references[row] = known.min(), known.mean(), known.max()
        return HoldoutRankings(
            query=query,
            eligible=eligible,
            hidden=hidden,
            scores=self._pool.scores[query],
            references=references,
            place=np.maximum(np.cumsum(eligible, axis=1) - 1, 0),
            near=PositiveSimilarity(closest, mean, self._local_density[query]),
            elsewhere=self._asked_elsewhere(all_splits)[query],
            uniform=self._uniform[query],
        )

    def _asked_elsewhere(self, all_splits: Sequence[HoldoutSplit]) -> NDArray[np.float32]:
        most = max((len(view.visible) for view in all_splits), default=0)
        visible = np.zeros((len(self), most), bool)
        for view in all_splits:
            visible[view.place, : len(view.visible)] = view.visible
        counts = self._other < 0
        counts[~counts] = visible[self._other[~counts], self._other_positive[~counts]]
        return self._elsewhere.highest(self._pool.documents.shape, counts)

    def _part(
        self, place: int, which: NDArray[np.int64], parts: int, repeat: int
    ) -> list[NDArray[np.bool_]]:
        """Cut some positives of a query into parts by their hashes: a mask of all for each."""
        keys = self._order[place]
        shuffled = random_keys(keys[which], np.array([repeat], np.uint64))
        order = which[np.argsort(shuffled, kind="stable")]
        out: list[NDArray[np.bool_]] = []
        for part in range(parts):
            mask = np.zeros(len(keys), bool)
            mask[order[len(order) * part // parts : len(order) * (part + 1) // parts]] = True
            out.append(mask)
        return out


@dataclass(frozen=True)
class FalseNegativeRate:
    """How many hidden positives were mined.

    Attributes:
        rate: share of the mined negatives.
        low: of the 95 % interval, over queries.
        high: of the same.
        error: standard error.
        negatives: that were mined.
    """

    rate: float
    low: float
    high: float
    error: float
    negatives: int

    @property
    def upper_estimate(self) -> float:
        """The rate and its standard error; where nothing leaked, as if one had."""
        return self.rate + self.error if self.rate else 1 / max(self.negatives, 1)

    def times(self, factor: float) -> "FalseNegativeRate":
        """As it would be with so many times as many positives to leak."""
        rate, low, high = (min(1.0, x * factor) for x in (self.rate, self.low, self.high))
        return FalseNegativeRate(rate, low, high, self.error * factor, self.negatives)


def estimate_rate(leaked: NDArray[np.float64], mined: NDArray[np.float64]) -> FalseNegativeRate:
    """The ratio of two sums over queries, with an interval for other queries like them.

    Args:
        leaked: hidden positives that were mined, for each query.
        mined: negatives, for each query.
    """
    total = mined.sum()
    if not total:
        return FalseNegativeRate(0.0, 0.0, 1.0, 0.0, 0)
    rate = leaked.sum() / total
    error = float(np.sqrt(((leaked - rate * mined) ** 2).sum()) / total)
    # where nothing leaked, the spread says nothing: the rule of three
    high = rate + Z * error if leaked.any() else 3 / total
    low = max(0.0, float(rate - Z * error))
    return FalseNegativeRate(float(rate), low, min(1.0, float(high)), error, int(total))


def sum_by_query(
    trials: HoldoutRankings, values: NDArray[np.bool_], queries: int
) -> NDArray[np.float64]:
    """The sum of `values`, (trials, depth), for each of so many queries."""
    out = np.zeros(queries)
    np.add.at(out, trials.query, values.sum(axis=1))
    return out


def _distinct(documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """The distinct rows of documents that are named."""
    found = np.unique(documents)
    return found[found >= 0]


def _join(blocks: list[CandidateBlock]) -> CandidateBlock:
    depth = max((block.depth for block in blocks), default=0)
    queries = [block.queries for block in blocks]
    documents = [_pad(block.documents, depth, -1) for block in blocks]
    scores = [_pad(block.scores, depth, -np.inf) for block in blocks]
    return CandidateBlock(
        np.concatenate([np.zeros(0, np.int64), *queries]),
        np.concatenate([np.zeros((0, depth), np.int64), *documents]),
        np.concatenate([np.zeros((0, depth), np.float32), *scores]),
    )


def _pad(values: NDArray, depth: int, fill: float) -> NDArray:
    return np.pad(values, ((0, 0), (0, depth - values.shape[1])), constant_values=fill)
