"""How many false negatives each method of mining takes, how hard its negatives are, and how many.

Half of each query's positives are hidden, several times over, and every method mines what is left.
So the chosen settings are compared with top-k, with the ranges of hn_mine and of the tutorial, and
with margins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.holdout.calibration import calibrated_part
from hn_assets.mining.holdout.cross_validation import CrossValidation
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.methods import CHOSEN, Method, known_methods, methods_of_retrievers
from hn_assets.mining.holdout.rate import FalseNegativeRate, measured_rate
from hn_assets.mining.holdout.splits import HoldoutRankings, HoldoutSplit
from hn_assets.mining.relevance.compute_features import model_inputs
from hn_assets.mining.rules.sampling import Sampling

if TYPE_CHECKING:
    import pandas as pd

# Each repeat hides other positives; there are fewer if each hides many, since then few say much.
REPEATS, FEWEST_REPEATS = 10, 3
ENOUGH_POSITIVES = 100_000  # over all repeats, visible ones counted
TARGETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
HARDNESSES = (1.0, 0.75, 0.5, 0.0)

COLUMNS = [
    "method",
    "varies",
    "target",
    "hardness",
    "random_share",
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
RETRIEVER = "retriever"  # a column more, if there are several


@dataclass(frozen=True)
class Audit:
    """What was measured.

    Attributes:
        methods: A table with a row for each method and the columns `COLUMNS`: method; varies
            (`target` or `hardness` for the chosen settings with another one, "" for every other
            row); target (the rate that was calibrated for); hardness (of the ranked negatives, if
            the method has one); random_share (the share that is drawn from the whole corpus); rate
            (the false-negative rate) with rate_low and rate_high (its 95 % confidence interval over
            queries); negatives; mean_score; mean_rank (of those that are candidates, among all that
            may be negatives); mean_score_minus_positive (the mean of the score minus the mean score
            of the positives); full_query_share (the share of the queries with as many negatives as
            wanted); threshold (of the probability, on average). If there are several retrievers,
            also retriever: the one whose finds alone were taken, "" for the joined order.
        queries: The number of queries that were looked at.
        repeats: How often the positives of each query were hidden.
        note: What could not be measured, and why; "" if nothing is missing.
    """

    methods: pd.DataFrame
    queries: int
    repeats: int
    note: str


def audited_rate(methods: pd.DataFrame) -> FalseNegativeRate | None:
    """The rate of these settings by the audit; None if it was measured on no negative.

    Args:
        methods: The table of the audit.
    """
    for row in methods[(methods.method == CHOSEN) & (methods.negatives > 0)].to_dict("records"):
        low, high = float(row["rate_low"]), float(row["rate_high"])
        return FalseNegativeRate(float(row["rate"]), low, high, 0.0, int(row["negatives"]))
    return None


def describe_method(row: Mapping[Any, Any]) -> str:
    """The method of a row of the audit, with hardness and random share if it is what was chosen."""
    if row["method"] != CHOSEN:
        return str(row["method"])
    parts = [f"hardness {row['hardness']:g}"] if row["hardness"] >= 0 else []
    if row["random_share"] > 0:
        parts.append(f"{100 * row['random_share']:.3g} % random documents")
    return f"{CHOSEN} ({', '.join(parts)})" if parts else CHOSEN


@dataclass(eq=False)
class _Tally:
    """What a method did with all rankings; arrays have one number for each query."""

    false_negatives: NDArray[np.float64]
    negatives: NDArray[np.float64]
    score: float = 0.0
    rank: float = 0.0
    ranked: int = 0
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
        self._add(rankings, chosen, rankings.hidden, features.scores)
        found = chosen.sum(axis=1)
        self.rank += float(features.place[chosen].sum())
        self.ranked += int(found.sum())
        if method.sampling.random_count:
            drawn, taken = method.draw(rankings, chosen)
            self._add(rankings, taken, drawn.hidden, drawn.scores)
            found += taken.sum(axis=1)
        self.full += int((found >= method.sampling.count).sum())
        self.rankings += len(rankings)

    def _add(
        self,
        rankings: HoldoutRankings,
        taken: NDArray[np.bool_],
        hidden: NDArray[np.bool_],
        scores: NDArray[np.float32],
    ) -> None:
        """Count documents of some rankings; arrays are (rankings, documents)."""
        np.add.at(self.false_negatives, rankings.query, (taken & hidden).sum(axis=1))
        np.add.at(self.negatives, rankings.query, taken.sum(axis=1))
        self.score += float(scores[taken].sum(dtype=np.float64))
        differences = np.where(taken, scores - rankings.features.reference("mean"), 0)
        self.score_minus_positive += float(differences.sum(dtype=np.float64))


@dataclass(frozen=True, eq=False)
class _Row:
    """A method that is measured.

    Attributes:
        method: The method; its filters name the target if it is calibrated.
        tally: What it did.
        varies: As in the table.
        target: The rate that it is calibrated for; None if it is not.
    """

    method: Method
    tally: _Tally
    varies: str = ""
    target: float | None = None

    def describe(self) -> dict[str, object]:
        """The row of the table."""
        tally, sampling = self.tally, self.method.sampling
        rate = measured_rate(tally.false_negatives, tally.negatives)
        negatives = max(rate.negatives, 1)
        has_hardness = sampling.ranked_count and sampling.method in ("top", "window")
        return {
            "method": self.method.name,
            "varies": self.varies,
            "target": self.target,
            "hardness": sampling.hardness if has_hardness else None,
            "random_share": sampling.random_count / sampling.count,
            "rate": rate.rate,
            "rate_low": rate.low,
            "rate_high": rate.high,
            "negatives": rate.negatives,
            "mean_score": tally.score / negatives,
            "mean_rank": tally.rank / tally.ranked if tally.ranked else None,
            "mean_score_minus_positive": tally.score_minus_positive / negatives,
            "full_query_share": tally.full / max(tally.rankings, 1),
            "threshold": float(np.mean(tally.thresholds)) if tally.thresholds else None,
            RETRIEVER: self.method.retriever,
        }


def audit(
    holdout: Holdout, settings: Method, *, calibrated: bool, repeats: int | None = None
) -> Audit:
    """Measure the chosen settings, and other methods beside them.

    Filters that hiding positives cannot measure, and deeper searches, are left out.

    Args:
        holdout: The queries with two positives or more.
        settings: The settings to judge.
        calibrated: Whether the threshold of a calibration decides: then the settings are measured
            with thresholds that are calibrated on other queries.
        repeats: How often other positives are hidden; as often as is needed if it is None.
    """
    import pandas as pd

    count = len(holdout)
    if repeats is None:
        enough = ENOUGH_POSITIVES // max(holdout.positives, 1)
        repeats = max(FEWEST_REPEATS, min(REPEATS, enough))
    columns = [*COLUMNS, RETRIEVER] if holdout.retrievers else COLUMNS
    if not count:
        note = "no mined query has two positives, so none can be hidden: nothing was measured"
        return Audit(pd.DataFrame(columns=columns), 0, repeats, note)
    rows = list(_rows(settings, calibrated=calibrated, queries=count))
    for method in methods_of_retrievers(holdout.retrievers, settings.sampling, settings.filters):
        target = method.filters.target_false_negative_rate
        rows.append(_Row(method, _Tally.start(count), "", target))
    draws = holdout.draws(settings.sampling.count)
    for repeat in range(repeats):
        halves = holdout.halves(repeat)
        rankings = holdout.hide(halves, halves, draws)
        for row in rows:
            if row.target is None:
                row.tally.add(row.method, rankings)
        for half in (0, 1):
            in_half = holdout.groups(2) == half
            known = [split for split in halves if not in_half[split.query]]
            judged = rankings.take(in_half[rankings.query])
            unlabelled = settings.filters.unlabelled_per_positive
            _add_calibrated(holdout, known, halves, judged, rows, unlabelled)
    methods = pd.DataFrame([row.describe() for row in rows], columns=columns)
    numbers = ("target", "hardness", "mean_rank", "threshold")
    return Audit(methods.astype(dict.fromkeys(numbers, float)), count, repeats, "")


def _rows(settings: Method, *, calibrated: bool, queries: int) -> Iterator[_Row]:
    """Everything that is measured, with nothing counted yet."""
    sampling = settings.sampling
    for method in known_methods(sampling.count):
        yield _Row(method, _Tally.start(queries))
    own = settings.filters.target_false_negative_rate if calibrated else None
    if own is None:
        yield _Row(settings, _Tally.start(queries))
    with_target = settings if calibrated else _with_top(settings)
    for target in sorted({*TARGETS, own} if own else TARGETS):
        name = CHOSEN if target == own else f"target {target:g}"
        filters = with_target.filters.model_copy(update={"target_false_negative_rate": target})
        method = replace(with_target, name=name, filters=filters)
        varies = "" if target == own else "target"
        yield _Row(method, _Tally.start(queries), varies, target)
    has_hardness = sampling.method in ("top", "window")
    for hardness in HARDNESSES if sampling.ranked_count else ():
        if not (has_hardness and hardness == sampling.hardness):
            window = replace(sampling, method="window", hardness=hardness)
            method = replace(settings, name=f"hardness {hardness:g}", sampling=window)
            yield _Row(method, _Tally.start(queries), "hardness", own)


def _with_top(settings: Method) -> Method:
    """What a target rate alone would do with the other filters of these settings."""
    return Method("", Sampling("top", settings.sampling.count), settings.filters)


def _add_calibrated(
    holdout: Holdout,
    known: list[HoldoutSplit],
    all_splits: list[HoldoutSplit],
    judged: HoldoutRankings,
    rows: list[_Row],
    unlabelled: float | None,
) -> None:
    """Calibrate on some queries for each target, and mine others.

    Args:
        holdout: The queries.
        known: The queries to calibrate on, with the positives that are visible of each.
        all_splits: The same of every query of the hold-out.
        judged: The rankings of the queries to mine.
        rows: What is measured; the tallies of those with a target are changed.
        unlabelled: The setting `filters.unlabelled_per_positive`.
    """
    cross = CrossValidation(holdout, known, all_splits, unlabelled)
    probability = cross.model.probability(model_inputs(judged.features))
    for row in rows:
        if row.target is None:
            continue
        # a target switches the model of relevance on; which one does not matter to a curve
        model = row.method.filters.model_copy(update={"target_false_negative_rate": TARGETS[0]})
        measured = calibrated_part(replace(row.method, name="", filters=model))
        threshold = cross.threshold(measured, row.target).threshold
        row.tally.add(row.method, judged.with_probability(probability, threshold))
        row.tally.thresholds.append(threshold)
