"""What queries that ask nearly the same lend to each other where each has one known positive.

    python -m benchmarks.lent_positives FOLDER... [--choices 20] [--keep STORE] [--bm25]

Each FOLDER is a collection in BEIR layout, with several positives a query. All positives of a query
but one are hidden, `--choices` times over. A prior is fitted on the other collections; the leak is
that of the 15 hardest candidates as hard as what hn_mine takes, divided by its leak, by the prior
alone and by the prior that was fitted on lent positives. The second table says how many false
negatives were mined for a target, and how many were expected. Vectors are kept in STORE. With
--bm25 the candidates are those of all-MiniLM-L6-v2 and of BM25, in the order of the encoder, and
the model knows the rank in BM25.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import retrievers
from benchmarks.false_negatives import WANTED
from benchmarks.measure import print_table
from benchmarks.one_positive import DEPTH, at_hardness, hardest, hn_mine_range, one_visible
from benchmarks.relevance_prior import Collection, fit
from hn_assets.mining.holdout.calibration import calibrated_part
from hn_assets.mining.holdout.cross_validation import CrossValidation
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.methods import Method
from hn_assets.mining.holdout.splits import HoldoutSplit
from hn_assets.mining.relevance.compute_features import model_inputs
from hn_assets.mining.relevance.prior import RelevancePrior
from hn_assets.mining.rules.sampling import Sampling
from hn_assets.settings.filters import FiltersSettings

TARGETS = (0.01, 0.02, 0.05)


@dataclass(frozen=True)
class Choice:
    """What was found with one choice of the visible positives.

    Attributes:
        coverage: The share of the queries that are lent a positive.
        lent: How many candidates are lent.
        right: How many of these are hidden positives.
        prior: The leak by the prior alone, divided by that of hn_mine's range.
        fitted: The same by the model that was fitted on what is lent.
        rates: The expected and the true rate for each of the targets; (targets, 2).
    """

    coverage: float
    lent: int
    right: int
    prior: float
    fitted: float
    rates: np.ndarray


def judge(holdout: Holdout, prior: RelevancePrior, seed: int) -> Choice:
    """Hide all positives of a query but one, and mine."""
    splits = one_visible(holdout.all_visible(), seed)
    user = [HoldoutSplit(split.query, split.visible, split.visible) for split in splits]
    cross = CrossValidation(holdout, user, user, None, prior)
    rankings = holdout.hide(splits, splits)
    inputs = model_inputs(rankings.features)
    leak, hardness = hn_mine_range(rankings)
    by_prior, by_fitted = (
        at_hardness(rankings, model.probability(inputs), hardness)[0] / leak
        for model in (prior.model, cross.model)
    )
    rates = []
    for target in TARGETS:
        filters = FiltersSettings(target_false_negative_rate=target)
        method = calibrated_part(Method("", Sampling("top", WANTED), filters))
        point = cross.threshold(method, target)
        probability = cross.model.probability(inputs)
        chosen = hardest(rankings.features.eligible & (probability < point.threshold))
        rates.append((cross.total(point).rate, rankings.hidden[chosen].mean()))
    relevant = rankings.hidden[cross.lent.query]
    return Choice(
        coverage=len(cross.lent) / len(holdout),
        lent=int(cross.lent.hidden.sum()),
        right=int((cross.lent.hidden & relevant).sum()),
        prior=by_prior,
        fitted=by_fitted,
        rates=np.array(rates),
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--choices", type=int, default=20)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--bm25", action="store_true")
    options = parser.parse_args()
    holdouts: dict[str, Holdout] = {}
    for folder in options.folders:
        with tempfile.TemporaryDirectory() as scratch:
            place = (options.keep or Path(scratch)) / folder.name
            ranked = retrievers.Collection(folder, place, DEPTH)
            joined = ranked.joined(("dense", "bm25"), "dense")
            candidates = joined if options.bm25 else ranked.rankings["dense"]
            holdouts[folder.name] = ranked.holdout(candidates, 1)
    collections = [Collection(name, holdout) for name, holdout in holdouts.items()]
    found = {}
    for name, holdout in holdouts.items():
        prior = fit([one for one in collections if one.name != name])
        found[name] = [judge(holdout, prior, seed) for seed in range(options.choices)]
    print_table(
        f"Lent positives, means of {options.choices} choices of the visible positive",
        ["collection", "queries lent to %", "relevant %", "prior alone", "lent", "difference"],
        [(name, *_lent(choices)) for name, choices in found.items()],
    )
    means = [np.mean([getattr(c, way) for c in one]) for way in ("prior", "fitted")
             for one in found.values()]  # fmt: skip
    print(f"means {np.mean(means[: len(found)]):.3f} and {np.mean(means[len(found) :]):.3f}")
    print_table(
        "False negatives that were mined for a target, and in brackets what was expected",
        ["collection", *(f"{100 * target:g} %" for target in TARGETS)],
        [(name, *_rates(choices)) for name, choices in found.items()],
    )


def _lent(choices: Sequence[Choice]) -> tuple[str, ...]:
    lent, right = sum(one.lent for one in choices), sum(one.right for one in choices)
    differences = np.array([one.fitted - one.prior for one in choices])
    error = differences.std(ddof=1) / np.sqrt(len(choices)) if len(choices) > 1 else np.nan
    return (
        f"{100 * np.mean([one.coverage for one in choices]):.0f}",
        f"{100 * right / max(lent, 1):.0f}",
        f"{np.mean([one.prior for one in choices]):.3f}",
        f"{np.mean([one.fitted for one in choices]):.3f}",
        f"{differences.mean():+.3f} (standard error {error:.3f})",
    )


def _rates(choices: Sequence[Choice]) -> list[str]:
    means = np.mean([one.rates for one in choices], axis=0)
    return [f"{100 * true:.2f} % ({100 * expected:.2f} %)" for expected, true in means]


if __name__ == "__main__":
    main()
