"""How many false negatives each method of mining takes, how hard its negatives are, and how many.

Half of each query's positives are hidden, several times over, and every method mines what is left.
So the chosen settings are compared with top-k, with the ranges of hn_mine and of the tutorial, and
with margins.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.holdout.calibration import MIN_HIDDEN, calibrated_part
from hn_assets.mining.holdout.cross_validation import CrossValidation
from hn_assets.mining.holdout.holdout import HIDDEN_SHARE, Holdout
from hn_assets.mining.holdout.methods import CHOSEN, Method, known_methods
from hn_assets.mining.holdout.rate import estimate_rate
from hn_assets.mining.holdout.splits import HoldoutRankings, HoldoutSplit
from hn_assets.mining.relevance.compute_features import model_inputs
from hn_assets.mining.rules.sampling import Sampling

if TYPE_CHECKING:
    import pandas as pd

REPEATS = 10  # each hides other positives
TARGETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)

COLUMNS = [
    "method",
    "target",
    "rate",
    "rate_low",
    "rate_high",
    "negatives",
    "mean_score",
    "mean_rank",
    "mean_score_minus_positive",
    "full_query_share",
    "threshold",
]


@dataclass(frozen=True)
class Audit:
    """What was measured.

    Attributes:
        methods: A table with a row for each method and the columns `COLUMNS`: method; target (the
            rate that was calibrated for); rate (the false-negative rate) with rate_low and
            rate_high (its 95 % confidence interval over queries); negatives; mean_score;
            mean_rank; mean_score_minus_positive (the mean of the score minus the mean score of
            the positives); full_query_share (the share of the queries with as many negatives as
            wanted); threshold (of the probability, on average).
        queries: The number of queries that were looked at.
        repeats: How often the positives of each query were hidden.
        note: What could not be measured, and why; "" if nothing is missing.
    """

    methods: pd.DataFrame
    queries: int
    repeats: int
    note: str


@dataclass
class _Tally:
    """What a method did with all rankings; arrays have one number for each query."""

    false_negatives: NDArray[np.float64]
    negatives: NDArray[np.float64]
    score: float = 0.0
    rank: float = 0.0
    score_minus_positive: float = 0.0
    full: int = 0
    rankings: int = 0
    thresholds: list[float] = field(default_factory=list)

    @classmethod
    def start(cls, queries: int) -> _Tally:
        return cls(np.zeros(queries), np.zeros(queries))

    def add(self, method: Method, rankings: HoldoutRankings) -> None:
        """Count what a method takes of some rankings."""
        chosen, features = method.choose(rankings), rankings.features
        found = chosen.sum(axis=1)
        np.add.at(self.false_negatives, rankings.query, (chosen & rankings.hidden).sum(axis=1))
        np.add.at(self.negatives, rankings.query, found)
        self.score += float(features.scores[chosen].sum(dtype=np.float64))
        self.rank += float(features.place[chosen].sum())
        self.score_minus_positive += float(
            features.score_minus_mean_positive[chosen].sum(dtype=np.float64)
        )
        self.full += int((found >= method.sampling.ranked_count).sum())
        self.rankings += len(rankings)

    def row(self, name: str, target: float | None) -> dict[str, object]:
        """The method's row of the table."""
        rate = estimate_rate(self.false_negatives, self.negatives)
        negatives = max(rate.negatives, 1)
        return {
            "method": name,
            "target": target,
            "rate": rate.rate,
            "rate_low": rate.low,
            "rate_high": rate.high,
            "negatives": rate.negatives,
            "mean_score": self.score / negatives,
            "mean_rank": self.rank / negatives,
            "mean_score_minus_positive": self.score_minus_positive / negatives,
            "full_query_share": self.full / max(self.rankings, 1),
            "threshold": float(np.mean(self.thresholds)) if self.thresholds else None,
        }


def audit(holdout: Holdout, settings: Method, *, calibrated: bool, repeats: int = REPEATS) -> Audit:
    """Measure the chosen settings, and other methods beside them.

    Filters that hiding positives cannot measure, and deeper searches, are left out.

    Args:
        holdout: The queries with two positives or more.
        settings: The settings to judge.
        calibrated: Whether the threshold of a calibration decides: then the settings are measured
            with thresholds that are calibrated on other queries.
        repeats: How often other positives are hidden.
    """
    import pandas as pd

    count = len(holdout)
    if not count:
        note = "no mined query has two positives, so none can be hidden: nothing was measured"
        return Audit(pd.DataFrame(columns=COLUMNS), 0, repeats, note)
    wanted = settings.sampling.count
    fixed = {method: _Tally.start(count) for method in known_methods(wanted)}
    if not calibrated:
        fixed[settings] = _Tally.start(count)
    own = settings.filters.target_false_negative_rate if calibrated else None
    targets: set[float] = {*TARGETS, own} if own else {*TARGETS}
    by_threshold = {target: _Tally.start(count) for target in sorted(targets)}
    with_threshold = settings
    if not calibrated:
        with_threshold = Method("", Sampling("top", wanted), settings.filters)
    for repeat in range(repeats):
        halves = holdout.halves(repeat)
        rankings = holdout.hide(halves, halves)
        for method, tally in fixed.items():
            tally.add(method, rankings)
        for half in (0, 1):
            in_half = holdout.groups(2) == half
            known = [split for split in halves if not in_half[split.query]]
            judged = rankings.take(in_half[rankings.query])
            _add_calibrated(holdout, known, halves, judged, with_threshold, by_threshold)
    rows = [tally.row(method.name, None) for method, tally in fixed.items()]
    measured = {t: tally for t, tally in by_threshold.items() if tally.rankings == count * repeats}
    rows += [
        tally.row(CHOSEN if target == own else f"target {target:g}", target)
        for target, tally in measured.items()
    ]
    methods = pd.DataFrame(rows, columns=COLUMNS).astype({"target": float, "threshold": float})
    missing = [f"{target:g}" for target in by_threshold if target not in measured]
    note = ""
    if missing:
        note = (
            f"half of the queries, with {HIDDEN_SHARE} of their positives, are too little to "
            f"calibrate for a target of {', '.join(missing)}"
        )
    return Audit(methods, count, repeats, note)


def _add_calibrated(
    holdout: Holdout,
    known: list[HoldoutSplit],
    all_splits: list[HoldoutSplit],
    judged: HoldoutRankings,
    method: Method,
    tallies: dict[float, _Tally],
) -> None:
    """Calibrate on some queries for each target, and mine others.

    Args:
        holdout: The queries.
        known: The queries to calibrate on, with the positives that are visible of each.
        all_splits: The same of every query of the hold-out.
        judged: The rankings of the queries to mine.
        method: How they are mined, beside the threshold.
        tallies: What is counted, by target; they are changed.
    """
    # a target switches the model of relevance on; which one does not matter to a curve
    model = method.filters.model_copy(update={"target_false_negative_rate": TARGETS[0]})
    measured = calibrated_part(replace(method, filters=model))
    cross = CrossValidation(holdout, known, all_splits, measured)
    if int(cross.rankings.hidden.sum()) < MIN_HIDDEN:
        return
    probability = cross.model().probability(model_inputs(judged.features))
    for target, tally in tallies.items():
        threshold, _ = cross.threshold(target, method.filters.unlabelled_per_positive)
        filters_of_target = method.filters.model_copy(update={"target_false_negative_rate": target})
        rankings = judged.with_probability(probability, threshold)
        tally.add(replace(method, filters=filters_of_target), rankings)
        tally.thresholds.append(threshold)
