"""Which known positives are hidden, and the rankings as a miner sees them that knows the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.mining.rules.sampling import Sampling, choose


@dataclass(frozen=True)
class HoldoutSplit:
    """The positives of one query, split into those that a miner knows and those it does not.

    Attributes:
        query: The place of the query in the `Holdout`.
        visible: Which positives the miner knows; bool, (positives,).
        known: Which positives the test knows, the visible ones among them; bool, (positives,). The
            others count as unlabelled.
    """

    query: int
    visible: NDArray[np.bool_]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class DrawnDocuments:
    """Documents drawn for some rankings, in the order of the draws; (rankings, draws).

    Attributes:
        place: The place of each document in its ranking, -1 if it is no candidate; int64.
        eligible: Which of them may be negatives, whatever the settings; bool.
        hidden: Which of them are hidden positives, or have the text of one; bool.
        scores: Inner products of query and document; float32.
    """

    place: NDArray[np.int64]
    eligible: NDArray[np.bool_]
    hidden: NDArray[np.bool_]
    scores: NDArray[np.float32]

    def take(self, which: NDArray[np.bool_]) -> DrawnDocuments:
        """The documents drawn for some of the rankings."""
        return DrawnDocuments(
            self.place[which], self.eligible[which], self.hidden[which], self.scores[which]
        )

    def choose(self, candidates: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
        """The first draws that may be taken; bool, (rankings, draws).

        Args:
            candidates: Which candidates may be drawn, if their rank is left aside; bool,
                (rankings, depth).
            count: How many are wanted.
        """
        may = self.eligible.copy()
        row, draw = np.nonzero(self.place >= 0)
        may[row, draw] &= candidates[row, self.place[row, draw]]
        return may & (np.cumsum(may, axis=1) <= count)


@dataclass(frozen=True)
class HoldoutRankings:
    """Rankings with some positives hidden, one row for each split.

    Attributes:
        query: The place of each ranking's query in the `Holdout`; int64, (rankings,).
        features: The candidates as they look if only the visible positives are known.
        hidden: Which candidates are hidden positives, or have the text of one; bool,
            (rankings, depth).
        visible: Which candidates are known positives, or have the text of one; bool,
            (rankings, depth).
        known: How many visible positives each query has, wherever they rank; int64, (rankings,).
        uniform: The numbers that decide a random choice, as for mining; (rankings, depth).
        drawn: Documents of the whole corpus, drawn for each ranking; None if none are needed.
    """

    query: NDArray[np.int64]
    features: CandidateFeatures
    hidden: NDArray[np.bool_]
    visible: NDArray[np.bool_]
    known: NDArray[np.int64]
    uniform: NDArray[np.float64]
    drawn: DrawnDocuments | None = None

    def __len__(self) -> int:
        return len(self.query)

    def take(self, which: NDArray[np.bool_]) -> HoldoutRankings:
        """Some of the rankings."""
        return HoldoutRankings(
            self.query[which],
            self.features.take(which),
            self.hidden[which],
            self.visible[which],
            self.known[which],
            self.uniform[which],
            None if self.drawn is None else self.drawn.take(which),
        )

    def with_probability(
        self, probability: NDArray[np.float32], threshold: float
    ) -> HoldoutRankings:
        """The same rankings with a probability of relevance, and its limit."""
        features = replace(self.features, probability=probability, probability_threshold=threshold)
        return replace(self, features=features)

    def choose(self, sampling: Sampling, candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of some candidates become negatives; bool, (rankings, depth)."""
        score = None
        if sampling.method == "simans":
            score = self.features.score_minus_mean_positive
        return choose(candidates, sampling, self.uniform, score, retrievers=self.features)

    def sum_by_query(self, values: NDArray[np.bool_], queries: int) -> NDArray[np.float64]:
        """The sum of `values`, (rankings, depth), for each of `queries` queries."""
        out = np.zeros(queries)
        np.add.at(out, self.query, values.sum(axis=1))
        return out
