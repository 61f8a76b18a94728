"""What a tournament is told: how long it goes on, and how a plan is measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RunResult:
    """What a training of a plan gave.

    Attributes:
        values: nDCG@10 of each query that judges it, at least one.
        seconds: What training and judging took, now or in an earlier process.
    """

    values: Mapping[str, float]
    seconds: float


Measure = Callable[[str, int], RunResult]  # for a plan in a repeat


@dataclass(frozen=True)
class Rules:
    """How long a tournament goes on.

    Attributes:
        confidence: With which a winner is better than every other plan.
        min_repeats: Repeats of every plan at first.
        max_repeats: Repeats of a plan at most.
        folds: After how many repeats every query has judged once.
        queries: How many queries there are.
        budget_seconds: No run begins that is not likely to end within it.
    """

    confidence: float
    min_repeats: int
    max_repeats: int
    folds: int
    queries: int
    budget_seconds: float
