"""Decides which candidates are hard negatives, a block of queries at a time.

What is never a negative goes first, then what the filters reject, then what lies outside the range
or fails the teacher; of the rest, as many are drawn as are wanted. Documents from anywhere in the
corpus may be drawn beside them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.errors import MiningError
from hn_assets.filters.all_filters import active_filters
from hn_assets.filters.base.candidate_features import REFERENCE_COLUMN, CandidateFeatures
from hn_assets.filters.base.filter import Filter, Rejection
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import IndexedDataset, reference_scores
from hn_assets.mining.data.teacher_scores import TeacherScores
from hn_assets.mining.deeper_budget import next_depth
from hn_assets.mining.deeper_search import SearchDeeper
from hn_assets.mining.output.mining_report import MiningCounts, MiningReport
from hn_assets.mining.output.mining_result import MiningResult
from hn_assets.mining.plan import Plan
from hn_assets.mining.random_negatives import RandomNegatives
from hn_assets.mining.relevance.compute_features import candidate_features, with_probability
from hn_assets.mining.relevance.cross_query import CrossQueryFinder
from hn_assets.mining.relevance.similarity import mean_direction, positive_scores, similarities
from hn_assets.mining.rules.always_excluded import exclude
from hn_assets.mining.rules.decisions import FilterDecisions, apply_filters
from hn_assets.mining.rules.mining_range import outside_range
from hn_assets.mining.rules.random_draws import RandomDraws
from hn_assets.mining.rules.reasons import FILTERED, NOT_DRAWN, NOT_SCORED, QUERY_DROPPED
from hn_assets.mining.rules.sampling import choose, hash_ids, random_keys, uniform_keys

_SEARCHED_DEEPER = np.array([1], np.uint64)  # in the place of a document: the draw of the queries


class Miner:
    """Chooses the hard negatives of a dataset, a block of queries at a time.

    Args:
        dataset: Documents, queries and judgements.
        queries: The vectors of the queries.
        documents: The vectors of the documents.
        plan: Range, sampling and the documents that are drawn at random.
        seed: Decides every random choice.
        on_shortage: What becomes of a query with fewer negatives than wanted.
        filters: The filters of every section, prepared; those of the plan if it is None.
        search_deeper: Searches the queries of a block again, to a given depth; None if that cannot
            be done.
        teacher: The teacher's scores of positives and candidates; None without a teacher.
        lexical_retrievers: The retrievers of the candidates that rank by words.

    Attributes:
        dataset: As given.
        positive_scores: The score of each positive, of the shape of `dataset.positives.documents`.
        counts: What is counted of the blocks that were mined.
        deeper_keys: A number from 0 to 1 for each query, which decides whether it is searched
            deeper if not all that are short can be; float64, (queries,).
        deeper_share: The share of the short queries that are searched deeper.
        searches_deeper: Whether any can be.
    """

    def __init__(
        self,
        dataset: IndexedDataset,
        queries: VectorSource,
        documents: VectorSource,
        plan: Plan,
        *,
        seed: int,
        on_shortage: Literal["keep", "drop", "error"] = "keep",
        filters: Sequence[Filter[Any]] | None = None,
        search_deeper: SearchDeeper | None = None,
        teacher: TeacherScores | None = None,
        lexical_retrievers: Sequence[str] = (),
    ) -> None:
        self._lexical_retrievers = lexical_retrievers
        self.dataset = dataset
        self._documents = documents
        self._plan = plan
        self._seed = seed
        self._on_shortage = on_shortage
        filters = active_filters(plan.filters) if filters is None else filters
        self._filters = [one for one in filters if one.section == "filters"]
        self._teacher_filters = [one for one in filters if one.section == "teacher"]
        self._search_deeper = search_deeper
        self._teacher = teacher
        self.positive_scores = positive_scores(dataset.positives, queries, documents)
        self._references = reference_scores(dataset.positives, self.positive_scores)
        self._query_hashes = hash_ids(dataset.query_ids, seed)
        self.deeper_keys = uniform_keys(random_keys(self._query_hashes, _SEARCHED_DEEPER))
        self.deeper_share = 1.0
        self.searches_deeper = search_deeper is not None
        self._document_hashes = np.zeros(len(documents), np.uint64)
        self._is_hashed = np.zeros(len(documents), bool)
        self._query_direction = mean_direction(queries)
        self._cross_query = CrossQueryFinder(dataset.positives, queries, len(documents))
        self.counts = MiningCounts()
        self._random = self._random_negatives(queries) if plan.sampling.random_count else None

    def mine(self, block: CandidateBlock) -> Iterator[MiningResult]:
        """What became of the candidates: those of a query together, and each candidate once.

        A query that the filters leave short comes after the others, with the candidates of a
        deeper search.
        """
        yield from self._mine(block, self._plan.end)

    def count_short(self, block: CandidateBlock) -> int:
        """How many queries the filters leave short of negatives that a deeper search may give."""
        return int(self._is_short_by_filters(self._decide(block, self._plan.end)).sum())

    def report(self) -> MiningReport:
        """What came of all blocks.

        Raises:
            MiningError: No query has a negative, or queries have too few and `on_shortage` is
                `error`.
        """
        report = self.counts.report(self.dataset, self._plan.sampling.count, self._on_shortage)
        if not report.negatives:
            raise MiningError(
                f"no query has a negative: the range [{self._plan.start}, {self._plan.end}] holds "
                f"no candidate that may be one. The rankings are {self.counts.depth} deep; set "
                f"the range of mining within that, search deeper, or relax the filters"
            )
        return report

    def _mine(self, block: CandidateBlock, end: int) -> Iterator[MiningResult]:
        result = self._decide(block, end)
        again = self._is_short_by_filters(result)
        max_depth = min(self._plan.filters.max_search_depth, len(self._documents))
        if self._search_deeper is None or block.depth >= max_depth or not again.any():
            yield from self._finish(result)
            return
        is_left = again & (self.deeper_keys[block.queries] > self.deeper_share)
        self.counts.left_short += int(is_left.sum())
        again &= ~is_left
        if not again.any():
            yield from self._finish(result)
            return
        if not again.all():
            yield from self._finish(result.take(~again))
        if end == self._plan.end:
            self.counts.deepened += int(again.sum())
        further = self._search_deeper(block.take(again), next_depth(block.depth, max_depth))
        yield from self._mine(further, further.depth)

    def _is_short_by_filters(self, result: MiningResult) -> NDArray[np.bool_]:
        """Which queries lack negatives that a deeper search may give; bool, (queries,)."""
        short = result.chosen.sum(axis=1) < self._plan.sampling.ranked_count
        short &= result.decisions.have(FILTERED).any(axis=1)
        scores = result.features.teacher_scores
        if self._teacher is not None and scores is not None:
            short &= self._teacher.has_more(result.block, scores)
        return short

    def _decide(self, block: CandidateBlock, end: int) -> MiningResult:
        """The reason for every candidate, with the range of ranks ending at `end`."""
        plan = self._plan
        decisions = FilterDecisions.start(exclude(block, self.dataset))
        features = self._features(block, decisions.kept)
        apply_filters(self._filters, features, decisions)
        decisions.reject(
            outside_range(features, plan.start, end, excluding_positives=plan.excluding_positives)
        )
        if features.teacher_scores is not None:
            decisions.reject(Rejection(NOT_SCORED, np.isnan(features.teacher_scores)))
        apply_filters(self._teacher_filters, features, decisions)
        chosen = choose(
            decisions.kept,
            plan.sampling if end <= plan.end else plan.sampling.beyond_range,
            self._uniform(block),
            features.score_minus_mean_positive,
            features.teacher_scores,
            features,
        )
        decisions.reject(Rejection(NOT_DRAWN, ~chosen))
        return self._result(block, features, decisions)

    def _judge_drawn(self, block: CandidateBlock) -> MiningResult:
        """The reason for every drawn document; `block` holds them in the order of the draws."""
        decisions = FilterDecisions.start(exclude(block, self.dataset))
        features = self._features(block, decisions.kept, is_ranking=False)
        apply_filters(self._filters, features, decisions, may_be_easy=True)
        if features.teacher_scores is not None:
            decisions.reject(Rejection(NOT_SCORED, np.isnan(features.teacher_scores)))
        apply_filters(self._teacher_filters, features, decisions, may_be_easy=True)
        return self._result(block, features, decisions)

    def _result(
        self, block: CandidateBlock, features: CandidateFeatures, decisions: FilterDecisions
    ) -> MiningResult:
        margin = block.scores - features.reference(self._plan.filters.margin_against)
        return MiningResult(block, features, decisions, margin)

    def _random_negatives(self, queries: VectorSource) -> RandomNegatives:
        self._document_hashes = hash_ids(self._documents.ids, self._seed)
        self._is_hashed[:] = True
        return RandomNegatives(
            self.dataset,
            queries,
            self._documents,
            query_hashes=self._query_hashes,
            draws=RandomDraws(self._document_hashes),
            count=self._plan.sampling.random_count,
            judge=self._judge_drawn,
        )

    def _features(
        self, block: CandidateBlock, eligible: NDArray[np.bool_], *, is_ranking: bool = True
    ) -> CandidateFeatures:
        """The numbers by which the candidates are judged; what has no rank has no probability."""
        dataset, plan = self.dataset, self._plan
        judged_irrelevant = None
        if plan.filters.keep_judged_irrelevant:
            judged_irrelevant = dataset.judged_irrelevant.contain(block.queries, block.documents)
        model = plan.calibration.model if plan.calibration is not None and is_ranking else None
        cross_query_similarity = None
        if model is not None:
            matches = self._cross_query.find(block.queries, block.documents)
            cross_query_similarity = matches.highest(block.documents.shape)
        teacher_scores = teacher_reference = None
        if self._teacher is not None:
            teacher_scores = self._teacher.find(block)
            column = REFERENCE_COLUMN[plan.filters.margin_against]
            teacher_reference = self._teacher.references[block.queries, column][:, None]
        features = candidate_features(
            block,
            eligible=eligible,
            reference_scores=self._references[block.queries],
            similarity=similarities(
                block, dataset.positives, self._documents, self._query_direction
            ),
            judged_irrelevant=judged_irrelevant,
            cross_query_similarity=cross_query_similarity,
            teacher_scores=teacher_scores,
            teacher_reference=teacher_reference,
            lexical_retrievers=() if model is None else self._lexical_retrievers,
        )
        if model is None or plan.calibration is None:
            return features
        return with_probability(features, model, plan.calibration.threshold)

    def _finish(self, mined: MiningResult) -> Iterator[MiningResult]:
        """Add random documents and drop queries with too few, if that is wanted, and count."""
        for result in (mined,) if self._random is None else self._random.add(mined):
            found = result.count_negatives()
            if self._on_shortage == "drop":
                short = (found < self._plan.sampling.count)[:, None]
                for part in result.parts:
                    part.decisions.reject(
                        Rejection(QUERY_DROPPED, np.broadcast_to(short, part.chosen.shape))
                    )
            self.counts.add(result, found)
            yield result

    def _uniform(self, block: CandidateBlock) -> NDArray[np.float64]:
        """The numbers that decide a random choice; (queries, depth)."""
        new = np.unique(block.documents[block.documents >= 0])
        new = new[~self._is_hashed[new]]
        ids = self.dataset.document_ids.take(new).to_pylist()
        self._document_hashes[new] = hash_ids(ids, self._seed)
        self._is_hashed[new] = True
        hashes = self._document_hashes[np.maximum(block.documents, 0)]
        return uniform_keys(random_keys(self._query_hashes[block.queries][:, None], hashes))
