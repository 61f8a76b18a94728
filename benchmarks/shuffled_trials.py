"""Tournaments of real trainings under shuffled names: how often is a winner declared?

    python -m benchmarks.shuffled_trials KEEP... [--tournaments 10]

KEEP is a folder that `benchmarks.negatives_trial` has left; its measurements are read, and nothing
is trained. In every repeat the plans exchange their names at random, so that a name says nothing
and each winner is an error. Beside tournaments of all plans there are as many of two of them, drawn
at random.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import describe_machine, print_table
from hn_assets.settings.trial import TrialSettings
from hn_assets.trial.outcome import read_outcome
from hn_assets.trial.rules import Rules, RunResult
from hn_assets.trial.tournament import Tournament

Measurements = dict[str, list[dict[str, float]]]
SECONDS, BUDGET = 1.0, 1e9  # of a run, which is long over, and of a tournament


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("keep", type=Path, nargs="+")
    parser.add_argument("--tournaments", type=int, default=10)
    options = parser.parse_args()
    rows = []
    for keep in options.keep:
        for outcome in sorted(keep.glob("*/data/*/negatives_trial/latest/outcome.json")):
            found = read_measurements(outcome.with_name("measurements.parquet"))
            queries = read_outcome(outcome).queries
            for plans in (len(found), 2):
                won = [
                    is_settled(found, plans, queries, np.random.default_rng([seed, plans]))
                    for seed in range(options.tournaments)
                ]
                rows.append((outcome.parts[-6], plans, len(won), sum(won)))
    print_table(
        f"Winners under names that were shuffled in every repeat. {describe_machine()}",
        ["collection", "plans", "tournaments", "winners"],
        rows,
    )


def read_measurements(path: Path) -> Measurements:
    """nDCG@10 of each query, by plan and repeat; of plans that have every repeat."""
    table = pd.read_parquet(path)
    repeats = table["repeat"].max() + 1
    found: Measurements = {}
    for plan, rows in table.groupby("plan", sort=True):
        each = [dict(zip(r.query_id, r.ndcg_at_10, strict=True)) for _, r in rows.groupby("repeat")]
        if len(each) == repeats:
            found[str(plan)] = each
    return found


def is_settled(found: Measurements, count: int, queries: int, chance: np.random.Generator) -> bool:
    """Whether a winner is declared among some plans whose names are shuffled in every repeat."""
    plans = [str(plan) for plan in chance.choice(list(found), count, replace=False)]
    repeats = len(found[plans[0]])
    orders = [chance.permutation(len(plans)) for _ in range(repeats)]

    def measure(plan: str, repeat: int) -> RunResult:
        real = plans[orders[repeat][plans.index(plan)]]
        return RunResult(found[real][repeat], SECONDS)

    default = TrialSettings()
    rules = Rules(
        default.confidence, repeats, repeats, default.folds, queries, budget_seconds=BUDGET
    )
    tournament = Tournament(plans, rules, measure, lambda line: None)
    tournament.run()
    return tournament.is_settled


if __name__ == "__main__":
    main()
