"""What came of a trial, as it is kept and shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from hn_assets.errors import StoreError

Verdict = Literal["a winner", "no difference was found", "not compared"]


class PlanOutcome(BaseModel):
    """What came of one plan; figures that were not measured are None.

    Attributes:
        plan: Its name.
        state: `leads`, `cannot be told from it`, `worse`, `left early`, `not tried`, or why it was
            not compared.
        repeats: How many models it trained.
        ndcg_at_10: Mean nDCG@10 of the queries that judged.
        difference: Its mean difference to the leading plan.
        low: The lower end of the interval of the difference.
        high: The upper end.
        mean_score: The mean score of its negatives.
        queries: How many queries have enough negatives with it.
        mined: What mining did.
    """

    model_config = ConfigDict(extra="forbid")

    plan: str
    state: str
    repeats: int = 0
    ndcg_at_10: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    mean_score: float | None = None
    queries: int
    mined: str


class Agreement(BaseModel):
    """A difference between two plans with the stand-in and with the whole model.

    Attributes:
        plan: The plan that leads.
        other: The plan that it is compared with.
        stand_in: The difference of the means with the stand-in, in the first repeat.
        whole: The same with the whole model.
        low: The lower end of the interval of the latter, over queries.
        high: The upper end.
    """

    model_config = ConfigDict(extra="forbid")

    plan: str
    other: str
    stand_in: float
    whole: float
    low: float
    high: float


class TrialOutcome(BaseModel):
    """What came of a trial.

    Attributes:
        verdict: Whether a plan is better than all others beyond doubt.
        plan: The name of the plan that mining takes: the one that leads.
        settings: What the plan says, by section.
        summary: What was found, in a sentence without its full stop.
        plans: What came of each plan, the best first.
        confidence: That of the verdict.
        comparisons: How many comparisons it holds for.
        seed_deviation: How far the seed of a training alone moves the difference of two plans.
        smallest_difference: What could have been shown, as was estimated beforehand; None if
            nothing was compared.
        queries: How many queries judged.
        documents: How many documents were ranked.
        runs: How many models were trained.
        seconds: What that took.
        forecast: What was said beforehand, in a sentence.
        layers: How many layers the stand-in had; None if the whole model was trained.
        agreement: How far the stand-in agreed with the whole model.
    """

    model_config = ConfigDict(extra="forbid")

    verdict: Verdict
    plan: str
    settings: dict[str, dict[str, Any]]
    summary: str
    plans: list[PlanOutcome]
    confidence: float
    comparisons: int = 0
    seed_deviation: float = 0.0
    smallest_difference: float | None = None
    queries: int
    documents: int
    runs: int = 0
    seconds: float = 0.0
    forecast: str = ""
    layers: int | None = None
    agreement: list[Agreement] = []

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_outcome(path: Path) -> TrialOutcome:
    """Read what `TrialOutcome.write` wrote.

    Raises:
        StoreError: It is of another version of this package.
    """
    try:
        return TrialOutcome.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise StoreError(
            f"{path} is of another version of this package: materialize negatives_trial"
        ) from error


def describe_agreement(found: list[Agreement]) -> str:
    """How far the stand-in agreed, in a sentence without its full stop; empty if none was used."""
    if not found:
        return ""
    agreed = sum((one.stand_in > 0) == (one.whole > 0) for one in found)
    return (
        f"the whole model, trained once with each of these plans, puts the same one first in "
        f"{agreed} of {len(found)} comparisons"
    )
