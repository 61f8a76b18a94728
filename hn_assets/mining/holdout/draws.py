"""Documents of the whole corpus, drawn for the queries of a hold-out as mining draws them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.mining.data.candidate_block import CandidateBlock, find_places
from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.mining.holdout.splits import DrawnDocuments, HoldoutSplit
from hn_assets.mining.rules.always_excluded import exclude_by_text
from hn_assets.mining.rules.decisions import KEPT
from hn_assets.mining.rules.random_draws import RandomDraws
from hn_assets.mining.rules.sampling import hash_ids
from hn_assets.retrieval.scores import pair_scores

SPARE_DRAWS = 4


class HoldoutDraws:
    """What the queries of a hold-out draw, whatever is hidden.

    Args:
        block: The rankings of the queries.
        query_hashes: From `hash_ids`, of the same queries.
        dataset: The dataset.
        queries: The vectors of the queries.
        documents: The vectors of the documents.
        seed: That of mining.
        count: How many documents are wanted for a query at most.
    """

    def __init__(
        self,
        block: CandidateBlock,
        query_hashes: NDArray[np.uint64],
        dataset: IndexedDataset,
        queries: VectorSource,
        documents: VectorSource,
        *,
        seed: int,
        count: int,
    ) -> None:
        draws = RandomDraws(hash_ids(documents.ids, seed))
        # twice as many as are wanted: mining would draw again where these are too few
        drawn = draws.draw(query_hashes, 2 * count + SPARE_DRAWS)
        rows = np.repeat(block.queries, drawn.shape[1])
        scores = pair_scores(queries, rows, documents, drawn.ravel())
        self._block = CandidateBlock(block.queries, drawn, scores.reshape(drawn.shape))
        self._place = find_places(block.documents, drawn)
        self._usable, self._positive = number_positives(self._block, dataset)

    def hide(self, splits: Sequence[HoldoutSplit]) -> DrawnDocuments:
        """The draws of a miner that knows only the visible positives."""
        query = np.array([split.query for split in splits], np.int64)
        eligible, positive = self._usable[query], self._positive[query]
        hidden = np.zeros(eligible.shape, bool)
        for row, split in enumerate(splits):
            is_positive = positive[row] >= 0
            eligible[row] &= ~(is_positive & split.visible[positive[row]])
            hidden[row] = eligible[row] & is_positive & split.known[positive[row]]
        return DrawnDocuments(self._place[query], eligible, hidden, self._block.scores[query])


def number_positives(
    block: CandidateBlock, dataset: IndexedDataset
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Find the documents that are positives of their query, or have the text of one.

    Args:
        block: The documents of some queries.
        dataset: The dataset.

    Returns:
        Which documents may be negatives if the query's own positives are not looked at, bool; and
        the place of each among the positives of its query, -1 if it is none, int64. Both are
        (queries, depth).
    """
    text = dataset.texts.document_codes
    of_others = dataset.are_relevant(block.queries, block.documents)
    of_others &= ~dataset.positives.contain(block.queries, block.documents)
    usable = (exclude_by_text(block, dataset) == KEPT) & ~of_others
    positive = np.full(block.documents.shape, -1, np.int64)
    for row, query in enumerate(block.queries):
        found, documents = dataset.positives.of(query), block.documents[row]
        order = np.argsort(text[found], kind="stable")
        known = text[found][order]
        codes = text[documents]
        near = np.minimum(np.searchsorted(known, codes), len(known) - 1)
        is_positive = (known[near] == codes) & (documents >= 0)
        positive[row] = np.where(is_positive, order[near], -1)
    return usable, positive
