"""LoadedDataset: judge every candidate, cut the window, take what is wanted, and count what happened."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.errors import MiningError
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery, IndexedDataset
from hn_assets.mining.plan import Plan
from hn_assets.mining.relevance.cross_query import CrossQueryFinder
from hn_assets.mining.relevance.logistic_model import features
from hn_assets.mining.relevance.positive_similarity import positive_scores, positive_similarity
from hn_assets.mining.rules.always_excluded import contains, exclude
from hn_assets.mining.rules.reasons import FILTERS, KEPT, NAMES, Reason
from hn_assets.mining.rules.score_filters import (
    REFERENCE,
    FilterDecisions,
    apply_score_filters,
    reference_scores,
)
from hn_assets.mining.rules.teacher_filter import TeacherScores
from hn_assets.mining.sampling import choose, hash_ids, random_keys, uniform_keys

DEEPER = 4  # times, each time a query is searched again

Deeper = Callable[[NDArray[np.int64], int], CandidateBlock]


@dataclass(frozen=True)
class MiningResult:
    """What became of the candidates of some queries; arrays of shape (queries, depth).

    Attributes:
        block: the candidates.
        judged: the reason for each; `KEPT` for those that were chosen.
        margin: score minus the reference score of the positives.
        positive_similarity: cosine to the nearest positive.
        probability: of being relevant; None where no model was fitted.
        teacher: the teacher's scores; NaN where it gave none.
    """

    block: CandidateBlock
    judged: FilterDecisions
    margin: NDArray[np.float32]
    positive_similarity: NDArray[np.float32]
    probability: NDArray[np.float32] | None
    teacher: NDArray[np.float32]

    @property
    def chosen(self) -> NDArray[np.bool_]:
        """Which candidates are negatives."""
        return self.judged.reasons == KEPT


@dataclass(frozen=True)
class MiningReport:
    """What mining found.

    Attributes:
        queries: of the mined split, with at least one positive.
        without_positives: queries of the split that have none: not mined.
        enough: queries with as many negatives as wanted.
        too_few: queries with some, but fewer.
        none: queries without any.
        dropped: queries with fewer than wanted, taken out by `on_shortage: drop`.
        deepened: queries that were searched deeper, since the filters left too little.
        candidates: that were looked at.
        negatives: chosen in all.
        rejected: candidates that were not chosen, by reason.
        short_queries: ids of up to 20 queries with fewer negatives than wanted.
    """

    queries: int
    without_positives: int
    enough: int
    too_few: int
    none: int
    dropped: int
    deepened: int
    candidates: int
    negatives: int
    rejected: dict[str, int] = field(default_factory=dict)
    short_queries: list[str] = field(default_factory=list)


class Miner:
    """Chooses the hard negatives of a dataset, a block of queries at a time.

    Args:
        collection: documents, queries and judgements.
        queries: their vectors.
        documents: their vectors.
        plan: filters, window and sampling.
        seed: of what chance decides.
        on_shortage: what becomes of a query with fewer negatives than wanted.
        blocked: further documents that may not be negatives of a query, by reason.
        deeper: searches queries again, to a given depth; None where that cannot be done.
        teacher: scores of positives and candidates; None where there is no teacher.
    """

    def __init__(
        self,
        collection: IndexedDataset,
        queries: VectorSource,
        documents: VectorSource,
        plan: Plan,
        *,
        seed: int,
        on_shortage: Literal["keep", "drop", "error"] = "keep",
        blocked: Mapping[Reason, DocumentsByQuery] | None = None,
        deeper: Deeper | None = None,
        teacher: TeacherScores | None = None,
    ) -> None:
        self._collection = collection
        self._documents = documents
        self._plan = plan
        self._on_shortage = on_shortage
        self._blocked = blocked or {}
        self._deeper = deeper
        self._teacher = teacher
        self._seed = seed
        self.positive_scores = positive_scores(collection.positives, queries, documents)
        self._references = reference_scores(collection.positives, self.positive_scores)
        self._query_hashes = hash_ids(collection.query_ids.to_pylist(), seed)
        self._hashes = np.zeros(len(documents), np.uint64)
        self._hashed = np.zeros(len(documents), bool)
        self._askers = CrossQueryFinder(collection.positives, queries, len(documents))
        self._counts = np.zeros(len(collection.query_ids), np.int64)
        self._reasons = np.zeros(len(NAMES), np.int64)
        self._candidates = 0
        self._deepened = 0
        self._depth = 0

    def mine(self, block: CandidateBlock) -> Iterator[MiningResult]:
        """What became of the candidates: all of one query together, each candidate once.

        A query that filters leave short comes after the others, with the candidates of a deeper
        search.
        """
        yield from self._mine(block, self._plan.end)

    def _mine(self, block: CandidateBlock, end: int) -> Iterator[MiningResult]:
        mined = self._judge(block, end)
        found = mined.chosen.sum(axis=1)
        filtered = np.isin(mined.judged.reasons, FILTERS).any(axis=1)
        max_search_depth = min(self._plan.filters.max_search_depth, len(self._documents))
        again = (found < self._plan.sampling.count) & filtered
        if self._teacher is not None:
            again &= self._teacher.has_more(block, mined.teacher)
        if self._deeper is None or block.depth >= max_search_depth or not again.any():
            yield self._finish(mined)
            return
        if not again.all():
            yield self._finish(_part(mined, ~again))
        if end == self._plan.end:
            self._deepened += int(again.sum())
        further = self._deeper(block.queries[again], min(DEEPER * block.depth, max_search_depth))
        yield from self._mine(further, further.depth)

    def report(self) -> MiningReport:
        """What came of all blocks.

        Raises:
            MiningError: no query has a negative, or queries are short and `on_shortage` is
                `error`.
        """
        collection, plan, wanted = self._collection, self._plan, self._plan.sampling.count
        counts = self._counts[collection.mined]
        ids = np.array(collection.query_ids.to_pylist(), dtype=object)[collection.mined]
        short = np.sort(ids[counts < wanted])
        if len(short) and self._on_shortage == "error":
            raise MiningError(
                f"{len(short)} of {len(counts)} queries have fewer than {wanted} negatives "
                f"({_name_some(short)}), and mining.on_shortage is error. Widen the range of mining, ask "
                f"for fewer negatives, relax the filters, or keep or drop these queries"
            )
        drops = self._on_shortage == "drop"
        negatives = int((counts[counts >= wanted] if drops else counts).sum())
        if not negatives:
            raise MiningError(
                f"no query has a negative: the range [{plan.start}, {plan.end}] holds no candidate "
                f"that may be one. The rankings are {self._depth} deep; set the range of mining within "
                f"that, search deeper, or relax the filters"
            )
        return MiningReport(
            queries=len(counts),
            without_positives=collection.without_positives,
            enough=int((counts >= wanted).sum()),
            too_few=int(((counts > 0) & (counts < wanted)).sum()),
            none=int((counts == 0).sum()),
            dropped=len(short) if drops else 0,
            deepened=self._deepened,
            candidates=self._candidates,
            negatives=negatives,
            rejected={
                name: int(self._reasons[reason])
                for reason, name in NAMES.items()
                if self._reasons[reason]
            },
            short_queries=[str(query) for query in short[:20]],
        )

    def _judge(self, block: CandidateBlock, end: int) -> MiningResult:
        collection, plan = self._collection, self._plan
        references = self._references[block.queries]
        near = positive_similarity(block, collection.positives, self._documents)
        judged = FilterDecisions.start(exclude(block, collection))
        may = judged.reasons == KEPT
        place = np.maximum(np.cumsum(may, axis=1) - 1, 0)
        judged_irrelevant = np.zeros(may.shape, bool)
        if plan.filters.keep_judged_irrelevant:
            judged_irrelevant = contains(collection.not_relevant, block.queries, block.documents)
        apply_score_filters(
            judged, plan.filters, block.scores, references, near.closest, judged_irrelevant
        )
        for reason, pairs in self._blocked.items():
            judged.reject(
                reason, contains(pairs, block.queries, block.documents) & ~judged_irrelevant
            )
        score_minus_mean_positive = np.where(may, block.scores - references[:, 1:2], 0)
        probability = None
        if plan.calibration is not None and plan.calibration.model is not None:
            elsewhere = self._askers.find(block.queries, block.documents)
            values = features(
                score_minus_mean_positive, place, near, elsewhere.highest(block.documents.shape)
            )
            probability = plan.calibration.model.probability(values)
            limit = plan.calibration.threshold
            risky = (probability >= limit) & ~judged_irrelevant
            judged.reject(Reason.PROBABLY_RELEVANT, risky, probability, limit)
        where = place if plan.excluding_positives else np.arange(block.depth)[None, :]
        outside = (where < plan.start) | (where >= end)
        judged.reject(
            Reason.OUTSIDE_RANGE, outside, where, np.where(where < plan.start, plan.start, end)
        )
        teacher = np.full(may.shape, np.nan, np.float32)
        if self._teacher is not None:
            teacher = self._teacher.find(block)
            self._teacher.apply(
                judged, block, teacher, judged_irrelevant, plan.filters.margin_against
            )
        uniform = uniform_keys(
            random_keys(self._query_hashes[block.queries][:, None], self._hash(block.documents))
        )
        chosen = choose(judged.reasons == KEPT, plan.sampling, uniform, score_minus_mean_positive)
        judged.reject(Reason.NOT_DRAWN, ~chosen)
        column = REFERENCE[plan.filters.margin_against]
        return MiningResult(
            block,
            judged,
            block.scores - references[:, column, None],
            near.closest,
            probability,
            teacher,
        )

    def _finish(self, mined: MiningResult) -> MiningResult:
        found = mined.chosen.sum(axis=1)
        self._counts[mined.block.queries] = found
        if self._on_shortage == "drop":
            short = found < self._plan.sampling.count
            mined.judged.reject(
                Reason.QUERY_DROPPED, np.broadcast_to(short[:, None], mined.chosen.shape)
            )
        reasons = mined.judged.reasons
        self._reasons += np.bincount(
            reasons[(reasons >= 0) & (reasons != Reason.NOTHING)], minlength=len(NAMES)
        )
        self._candidates += int((mined.block.documents >= 0).sum())
        self._depth = max(self._depth, mined.block.depth)
        return mined

    def _hash(self, documents: NDArray[np.int64]) -> NDArray[np.uint64]:
        new = np.unique(documents[documents >= 0])
        new = new[~self._hashed[new]]
        ids = self._collection.document_ids.take(new).to_pylist()
        self._hashes[new] = hash_ids(ids, self._seed)
        self._hashed[new] = True
        return self._hashes[np.maximum(documents, 0)]


def _part(mined: MiningResult, which: NDArray[np.bool_]) -> MiningResult:
    judged = mined.judged
    return MiningResult(
        mined.block.take(which),
        FilterDecisions(judged.reasons[which], judged.values[which], judged.limits[which]),
        mined.margin[which],
        mined.positive_similarity[which],
        None if mined.probability is None else mined.probability[which],
        mined.teacher[which],
    )


def _name_some(ids: NDArray) -> str:
    names = ", ".join(repr(str(i)) for i in ids[:5])
    return names + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
