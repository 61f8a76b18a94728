"""What became of the candidates of some queries."""

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
    """

    block: CandidateBlock
    features: CandidateFeatures
    decisions: FilterDecisions
    margin: NDArray[np.float32]

    @property
    def chosen(self) -> NDArray[np.bool_]:
        """Which candidates are negatives; bool, (queries, depth)."""
        return self.decisions.kept

    def take(self, which: NDArray[np.bool_]) -> "MiningResult":
        """What became of the candidates of some of the queries."""
        return MiningResult(
            self.block.take(which),
            self.features.take(which),
            self.decisions.take(which),
            self.margin[which],
        )
