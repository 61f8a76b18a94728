"""Measurements of plans that were never trained, with known differences and known noise."""

from collections.abc import Callable

import numpy as np

from hn_assets.trial.rules import RunResult
from hn_assets.trial.tournament import Tournament

FOLDS = 4


def simulate(
    effects: list[float], *, queries: int, seed: int, noise: float = 0.1, seed_noise: float = 0.003
) -> Callable[[str, int], RunResult]:
    """A function that measures plans `p0`, `p1`... as trainings would, and takes ten seconds each.

    Args:
        effects: How much better than the first each plan is in truth.
        queries: How many queries there are; a quarter of them judges in each repeat.
        seed: Of everything.
        noise: How much a training moves a single query.
        seed_noise: How much a training moves all queries that judge it.
    """
    difficulty = np.random.default_rng(seed).uniform(0.2, 0.8, queries)

    def measure(plan: str, repeat: int) -> RunResult:
        number = int(plan[1:])
        chance = np.random.default_rng([seed, number, repeat])
        shift = effects[number] + chance.normal(0, seed_noise)
        moved = chance.normal(0, noise, queries)
        values = {
            f"q{i}": float(difficulty[i] + shift + moved[i])
            for i in range(queries)
            if i % FOLDS == repeat % FOLDS
        }
        return RunResult(values, 10.0)

    return measure


def runs_of(tournament: Tournament, plan: str) -> int:
    """How often a plan was tried."""
    return len(tournament.measured[plan])
