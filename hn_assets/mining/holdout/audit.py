"""How many false negatives each method of mining takes, how hard they are, and how many it finds.

Half of each query's positives are hidden, several times over, and every method mines what is left:
so the chosen settings stand beside top-k, the windows of hn_mine and of the tutorial, and margins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.holdout.calibration import FEWEST_HIDDEN, CrossValidation
from hn_assets.mining.holdout.holdout import Holdout, HoldoutRankings, estimate_rate
from hn_assets.mining.plan import Plan
from hn_assets.mining.rules.reasons import KEPT
from hn_assets.mining.rules.score_filters import FilterDecisions, apply_score_filters
from hn_assets.mining.sampling import Sampling, choose
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import DEFAULT_RANGE

if TYPE_CHECKING:
    import pandas as pd

REPEATS = 10  # each hides others
TARGETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
CHOSEN = "these settings"
TUTORIAL = (5, 15)

Choose = Callable[[HoldoutRankings], NDArray[np.bool_]]


@dataclass
class Tally:
    """What a method did in all trials, by query."""

    leaked: NDArray[np.float64]
    mined: NDArray[np.float64]
    score: float = 0.0
    place: float = 0.0
    score_minus_mean_positive: float = 0.0
    full: int = 0
    trials: int = 0
    thresholds: list[float] = field(default_factory=list)

    @classmethod
    def start(cls, queries: int) -> Tally:
        """Of nothing yet."""
        return cls(np.zeros(queries), np.zeros(queries))

    def add(self, trials: HoldoutRankings, chosen: NDArray[np.bool_], wanted: int) -> None:
        """Count what was chosen in some trials."""
        found = chosen.sum(axis=1)
        np.add.at(self.leaked, trials.query, (chosen & trials.hidden).sum(axis=1))
        np.add.at(self.mined, trials.query, found)
        self.score += float(trials.scores[chosen].sum(dtype=np.float64))
        self.place += float(trials.place[chosen].sum())
        self.score_minus_mean_positive += float(
            trials.score_minus_mean_positive[chosen].sum(dtype=np.float64)
        )
        self.full += int((found >= wanted).sum())
        self.trials += len(trials.query)


@dataclass(frozen=True)
class Audit:
    """What was measured.

    Attributes:
        methods: one row each: method, target, leak, leak_low, leak_high (95 % interval, over
            queries), negatives, mean_score, mean_rank, mean_score_minus_positive (score minus the mean positive),
            full (share of the queries with as many as wanted), threshold (of the probability, on
            average).
        queries: that were looked at.
        repeats: hidings of each.
        note: what could not be measured, and why; "" where nothing is missing.
    """

    methods: pd.DataFrame
    queries: int
    repeats: int
    note: str


COLUMNS = [
    "method",
    "target",
    "leak",
    "leak_low",
    "leak_high",
    "negatives",
    "mean_score",
    "mean_rank",
    "mean_score_minus_positive",
    "full",
    "threshold",
]


def audit(holdout: Holdout, plan: Plan, *, repeats: int = REPEATS) -> Audit:
    """Measure the plan and the methods beside it.

    Filters that look at texts (near-duplicates, answers) and deeper searches are left out.

    Args:
        holdout: of the queries with two positives or more.
        plan: the settings to judge.
        repeats: how often other positives are hidden.
    """
    import pandas as pd

    count = len(holdout)
    if not count:
        note = "no mined query has two positives, so none can be hidden: nothing was measured"
        return Audit(pd.DataFrame(columns=COLUMNS), 0, repeats, note)
    wanted = plan.sampling.count
    fixed = dict(known_methods(wanted))
    if plan.calibration is None:
        fixed[CHOSEN] = (_by_settings(plan), wanted)
    tallies = {name: Tally.start(count) for name in fixed}
    targets = list(TARGETS)
    if plan.calibration is not None:
        targets = sorted({*targets, plan.filters.target_false_negative_rate or 0})
    calibrated = {target: Tally.start(count) for target in targets}
    sampling = plan.sampling if plan.calibration else Sampling("top", wanted)
    for repeat in range(repeats):
        halves = holdout.halves(repeat)
        trials = holdout.hide(halves, halves)
        for name, (method, wants) in fixed.items():
            tallies[name].add(trials, method(trials), wants)
        for half in (0, 1):
            in_half = holdout.group(2) == half
            known = [view for view in halves if not in_half[view.place]]
            judged = trials.take(in_half[trials.query])
            cross = CrossValidation(holdout, known, halves, sampling)
            _mine_calibrated(cross, judged, sampling, plan, calibrated)
    rows = [_row(name, None, tally, fixed[name][1]) for name, tally in tallies.items()]
    own = plan.filters.target_false_negative_rate if plan.calibration else None
    for target, tally in calibrated.items():
        if tally.trials == count * repeats:
            name = CHOSEN if target == own else f"target {target:g}"
            rows.append(_row(name, target, tally, wanted))
    missing = [f"{t:g}" for t, tally in calibrated.items() if tally.trials < count * repeats]
    note = ""
    if missing:
        note = (
            f"half of the queries, with half of their positives, are too little to calibrate for a "
            f"target of {', '.join(missing)}"
        )
    methods = pd.DataFrame(rows, columns=COLUMNS).astype({"target": float, "threshold": float})
    return Audit(methods, count, repeats, note)


def known_methods(wanted: int) -> Iterator[tuple[str, tuple[Choose, int]]]:
    """What people do, by name, with how many negatives each wants of a query."""
    top = Sampling("top", wanted)
    start, end = TUTORIAL
    yield f"top {wanted}", (lambda trials: choose_from(trials, top), wanted)
    yield (
        f"tutorial, ranks {start}-{end}",
        (lambda t: choose_from(t, Sampling("top", 10), (start, end)), end - start),
    )
    yield (
        f"hn_mine, ranks {DEFAULT_RANGE[0]}-{DEFAULT_RANGE[1]} at random",
        (lambda t: choose_from(t, Sampling("random", wanted), DEFAULT_RANGE), wanted),
    )
    for against in ("min", "mean", "max"):
        settings = FiltersSettings(relative_margin=0.05, margin_against=against)
        yield f"5 % below the {against} positive, top {wanted}", (_filtered(settings, top), wanted)
    absolute = FiltersSettings(absolute_margin=0.05)
    yield f"0.05 below the mean positive, top {wanted}", (_filtered(absolute, top), wanted)
    for ceiling in (0.5, 0.45):
        settings = FiltersSettings(max_positive_similarity=ceiling)
        name = f"closest positive below {ceiling:g}, top {wanted}"
        yield name, (_filtered(settings, top), wanted)


def choose_from(
    trials: HoldoutRankings,
    sampling: Sampling,
    window: tuple[int, int] | None = None,
    may: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Choose among the eligible candidates in a window of ranks, of those that `may`."""
    eligible = trials.eligible if may is None else trials.eligible & may
    if window is not None:
        eligible = eligible & (trials.place >= window[0]) & (trials.place < window[1])
    return choose(eligible, sampling, trials.uniform, trials.score_minus_mean_positive)


def pass_filters(trials: HoldoutRankings, settings: FiltersSettings) -> NDArray[np.bool_]:
    """Which candidates no filter of score, margin or positive_similarity rejects."""
    judged = FilterDecisions.start(np.full(trials.eligible.shape, KEPT, np.int8))
    nobody = np.zeros(trials.eligible.shape, bool)
    apply_score_filters(
        judged, settings, trials.scores, trials.references, trials.near.closest, nobody
    )
    return judged.reasons == KEPT


def _filtered(settings: FiltersSettings, sampling: Sampling) -> Choose:
    return lambda trials: choose_from(trials, sampling, None, pass_filters(trials, settings))


def _by_settings(plan: Plan) -> Choose:
    def method(trials: HoldoutRankings) -> NDArray[np.bool_]:
        may = pass_filters(trials, plan.filters)
        return choose_from(_in_order(trials, plan), plan.sampling, (plan.start, plan.end), may)

    return method


def _in_order(trials: HoldoutRankings, plan: Plan) -> HoldoutRankings:
    """HoldoutRankings whose places are counted as the plan counts them."""
    if plan.excluding_positives:
        return trials
    places = np.broadcast_to(np.arange(trials.place.shape[1]), trials.place.shape)
    return replace(trials, place=places)


def _mine_calibrated(
    cross: CrossValidation,
    judged: HoldoutRankings,
    sampling: Sampling,
    plan: Plan,
    tallies: dict[float, Tally],
) -> None:
    """Calibrate on some queries for each target, and mine others."""
    if int(cross.trials.hidden.sum()) < FEWEST_HIDDEN:
        return
    probability = cross.model().probability(judged.features())
    window = (plan.start, plan.end) if plan.calibration else None
    for target, tally in tallies.items():
        threshold, _ = cross.threshold(target, plan.filters.unlabelled_per_positive)
        may = (probability < threshold) & pass_filters(judged, plan.filters)
        tally.add(judged, choose_from(judged, sampling, window, may), sampling.count)
        tally.thresholds.append(threshold)


def _row(name: str, target: float | None, tally: Tally, wanted: int) -> dict[str, object]:
    leak = estimate_rate(tally.leaked, tally.mined)
    mined = max(leak.negatives, 1)
    return {
        "method": name,
        "target": target,
        "leak": leak.rate,
        "leak_low": leak.low,
        "leak_high": leak.high,
        "negatives": leak.negatives,
        "mean_score": tally.score / mined,
        "mean_rank": tally.place / mined,
        "mean_score_minus_positive": tally.score_minus_mean_positive / mined,
        "full": tally.full / max(tally.trials, 1),
        "threshold": float(np.mean(tally.thresholds)) if tally.thresholds else None,
    }
