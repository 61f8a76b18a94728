"""Documents drawn at random from the whole corpus, to stand among the negatives of each query."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.mining.data.candidate_block import CandidateBlock, find_places
from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.mining.output.mining_result import MiningResult
from hn_assets.mining.rules.decisions import KEPT, NO_CANDIDATE
from hn_assets.mining.rules.random_draws import RandomDraws
from hn_assets.mining.rules.reasons import CODES, NOT_DRAWN, OUTSIDE_RANGE, REPEATED_TEXT
from hn_assets.retrieval.scores import pair_scores

# More than are wanted, as some cannot be taken. A query that they leave short draws again, so many
# times as often each time, up to a limit that only a corpus with hardly any usable text meets.
SPARE_DRAWS = 4
MORE_DRAWS = 4
MAX_DRAWS = 1024


class RandomNegatives:
    """Adds documents that were drawn at random to what was mined.

    A draw is not taken if the document can never be a negative, if a filter of relevance rejects
    it, or if it has the text of one that was taken already. A document that is also a candidate of
    the query is taken only if nothing but chance or the end of the range spoke against it.

    Args:
        dataset: Documents, queries and judgements.
        queries: The vectors of the queries.
        documents: The vectors of the documents.
        query_hashes: From `hash_ids`, of all queries by row.
        draws: Draws the documents.
        count: How many documents are wanted per query.
        judge: Says what becomes of drawn documents, with the draws of a query as its ranking.
    """

    def __init__(
        self,
        dataset: IndexedDataset,
        queries: VectorSource,
        documents: VectorSource,
        *,
        query_hashes: NDArray[np.uint64],
        draws: RandomDraws,
        count: int,
        judge: Callable[[CandidateBlock], MiningResult],
    ) -> None:
        self._dataset = dataset
        self._queries = queries
        self._documents = documents
        self._query_hashes = query_hashes
        self._draws = draws
        self._count = count
        self._judge = judge

    def add(self, mined: MiningResult) -> Iterator[MiningResult]:
        """What was mined, with the random documents; queries that are short of them come last."""
        yield from self._add(mined, self._count + SPARE_DRAWS)

    def _add(self, mined: MiningResult, draws: int) -> Iterator[MiningResult]:
        drawn = self._judge(self._block(mined.block.queries, draws))
        may = drawn.decisions.kept & ~self._are_barred(mined, drawn.block)
        taken = may & (np.cumsum(may, axis=1) <= self._count)
        short = taken.sum(axis=1) < self._count
        if draws >= min(MAX_DRAWS, 8 * len(self._draws)) or not short.any():
            yield _join(mined, drawn, taken)
            return
        if not short.all():
            yield _join(mined.take(~short), drawn.take(~short), taken[~short])
        yield from self._add(mined.take(short), MORE_DRAWS * draws)

    def _block(self, queries: NDArray[np.int64], draws: int) -> CandidateBlock:
        """The documents that some queries draw, in the order of the draws."""
        documents = self._draws.draw(self._query_hashes[queries], draws)
        pairs = np.repeat(queries, draws), documents.ravel()
        scores = pair_scores(self._queries, pairs[0], self._documents, pairs[1])
        return CandidateBlock(queries, documents, scores.reshape(documents.shape))

    def _are_barred(self, mined: MiningResult, drawn: CandidateBlock) -> NDArray[np.bool_]:
        """Which draws have the text of a candidate that was chosen, or was rejected by a rule."""
        decisions, candidates = mined.decisions, mined.block.documents
        # what stands beyond the end of the range has a place from the limit on
        is_open = (decisions.codes == CODES[OUTSIDE_RANGE]) & (decisions.values >= decisions.limits)
        # the first candidate of a text speaks for those that repeat it
        is_open |= decisions.have([NOT_DRAWN, REPEATED_TEXT]) | (candidates < 0)
        codes = self._dataset.texts.document_codes
        row, place = np.nonzero(~is_open)
        barred = row * len(codes) + codes[candidates[row, place]]
        rows = np.arange(len(drawn.documents))[:, None]
        return np.isin(rows * len(codes) + codes[drawn.documents], barred)


def _join(mined: MiningResult, drawn: MiningResult, taken: NDArray[np.bool_]) -> MiningResult:
    """Mark the draws that are candidates of the query among these, and put the others beside."""
    place = find_places(mined.block.documents, drawn.block.documents)
    among = taken & (place >= 0)
    is_random = np.zeros(mined.block.documents.shape, bool)
    is_random[np.nonzero(among)[0], place[among]] = True
    mined.decisions.take_back(is_random)
    apart = taken & ~among
    drawn.decisions.codes[:] = np.where(apart, KEPT, NO_CANDIDATE)
    block = replace(drawn.block, documents=np.where(apart, drawn.block.documents, -1))
    return replace(mined, is_random=is_random, random=replace(drawn, block=block))
