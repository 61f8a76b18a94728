"""Mine the negatives of each plan, and find out which plans can be compared on which queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from hn_assets.errors import MiningError
from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.plan import resolved_calibration
from hn_assets.mining.session import MiningSession
from hn_assets.trial.plans import TrialPlan

FEWEST_QUERIES = 0.5  # of all queries, that a plan must give enough negatives to be compared


@dataclass(frozen=True)
class MinedPlan:
    """What mining with a plan gave.

    Attributes:
        plan: The plan.
        negatives: The Parquet file of its negatives, with the columns of `schemas.HARD_NEGATIVES`;
            None if it has none.
        note: What mining did, or why there are no negatives.
        queries: The ids of the queries with enough negatives for training.
        mean_score: The mean score of the negatives; None if there are none.
        left_out: Why it is not compared; empty if it is.
    """

    plan: TrialPlan
    negatives: Path | None
    note: str
    queries: frozenset[str]
    mean_score: float | None
    left_out: str = ""

    @property
    def is_tried(self) -> bool:
        """Whether a model is trained on its negatives."""
        return self.negatives is not None and not self.left_out


def mine_plans(
    session: MiningSession,
    plans: Sequence[TrialPlan],
    folder: Path,
    *,
    negatives_per_example: int,
    log: Callable[[str], None],
) -> list[MinedPlan]:
    """Mine every plan.

    Args:
        session: The dataset; its own settings and calibration are not used.
        plans: The plans.
        folder: An existing folder for the negatives.
        negatives_per_example: How many negatives a query needs to be trained on.
        log: Takes the lines of progress.
    """
    calibrations: dict[str, Calibration] = {}
    found: list[MinedPlan] = []
    for number, plan in enumerate(plans):
        of_plan = replace(session, mining=plan.mining, filters=plan.filters, calibration=None)
        if plan.filters.is_calibrated:
            key = repr(resolved_calibration(plan.mining, plan.filters))
            if key not in calibrations:
                calibrations[key] = of_plan.calibrate()
            of_plan = replace(of_plan, calibration=calibrations[key])
        mined = _mine(of_plan, plan, folder / f"{number}.parquet", negatives_per_example)
        mined = _judge(mined, found, int(session.dataset.mined.sum()))
        log(f"{plan.name}: {mined.note}{f'; {mined.left_out}' if mined.left_out else ''}")
        found.append(mined)
    return found


def shared_queries(plans: Sequence[MinedPlan]) -> list[str]:
    """The queries that every plan that is tried can be trained on, sorted."""
    tried = [plan.queries for plan in plans if plan.is_tried]
    return sorted(frozenset.intersection(*tried)) if tried else []


def _mine(session: MiningSession, plan: TrialPlan, target: Path, wanted: int) -> MinedPlan:
    import pandas as pd

    ledger = target.with_suffix(".ledger")
    try:
        chosen, _ = session.mine(ledger)
    except MiningError as error:
        return MinedPlan(plan, None, str(error), frozenset(), None, left_out="it has no negatives")
    finally:
        ledger.unlink(missing_ok=True)
    chosen.write(target)
    negatives = pd.read_parquet(target, columns=["query_id", "score"])
    sizes = negatives.groupby("query_id").size()
    enough = frozenset(sizes.index[sizes >= wanted])
    return MinedPlan(plan, target, session.plan.note, enough, float(negatives.score.mean()))


def _judge(mined: MinedPlan, earlier: Sequence[MinedPlan], queries: int) -> MinedPlan:
    """Say whether the plan is another one than those before, and whether it has enough queries."""
    if mined.negatives is None:
        return mined
    for other in earlier:
        if other.is_tried and other.negatives and _are_equal(mined.negatives, other.negatives):
            return replace(mined, left_out=f"it gives the same negatives as {other.plan.name}")
    if len(mined.queries) < FEWEST_QUERIES * queries:
        return replace(
            mined,
            left_out=f"only {len(mined.queries)} of {queries} queries have enough negatives",
        )
    return mined


def _are_equal(one: Path, other: Path) -> bool:
    columns = ["query_id", "doc_id"]
    return pq.read_table(one, columns=columns).equals(pq.read_table(other, columns=columns))
