"""What became of the candidates of some queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.rules.decisions import FilterDecisions


@dataclass(frozen=True)
class MiningResult:
    """What became of the candidates of some queries.

    Attributes:
        block: The candidates.
        features: The numbers by which they were judged.
        decisions: The reason for each candidate; those that are kept are the negatives.
        margin: The score minus the score of the positives that margins are measured from;
            float32, (queries, depth).
        is_random: Which negatives were drawn at random from the whole corpus, and not taken for
            their rank; bool, (queries, depth). None if nothing was drawn.
        random: The negatives that were drawn at random and are no candidates of their query, in the
            order of the draws. None if nothing was drawn.
    """

    block: CandidateBlock
    features: CandidateFeatures
    decisions: FilterDecisions
    margin: NDArray[np.float32]
    is_random: NDArray[np.bool_] | None = None
    random: MiningResult | None = None

    @property
    def chosen(self) -> NDArray[np.bool_]:
        """Which candidates are negatives; bool, (queries, depth)."""
        return self.decisions.kept

    @property
    def parts(self) -> Iterator[MiningResult]:
        """What became of the candidates, and of the other documents that were drawn."""
        yield self
        if self.random is not None:
            yield self.random

    def count_negatives(self) -> NDArray[np.int64]:
        """How many negatives each query has; int64, (queries,)."""
        return np.sum([part.chosen.sum(axis=1) for part in self.parts], axis=0)

    def count_random(self) -> NDArray[np.int64]:
        """How many of them were drawn at random; int64, (queries,)."""
        if self.random is None or self.is_random is None:
            return np.zeros(len(self.chosen), np.int64)
        among = self.is_random & self.chosen
        return among.sum(axis=1) + self.random.chosen.sum(axis=1)

    def take(self, which: NDArray[np.bool_]) -> MiningResult:
        """What became of the candidates of some of the queries."""
        return MiningResult(
            self.block.take(which),
            self.features.take(which),
            self.decisions.take(which),
            self.margin[which],
            None if self.is_random is None else self.is_random[which],
            None if self.random is None else self.random.take(which),
        )
