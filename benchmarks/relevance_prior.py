"""Fit the priors of relevance that ship, and measure them on collections that they have not seen.

    python -m benchmarks.relevance_prior FOLDER... [--write [TARGET]] [--keep STORE]

Each FOLDER is a collection in BEIR layout, with several positives a query; qrels of every split
count. All positives of a query but one are hidden, three times over. A model is fitted on all
collections but one and judged on that one: its leak is the share of hidden positives among the 15
hardest candidates below a threshold, with the threshold at which they are as hard as what hn_mine
takes, by their mean cosine. So twice: for candidates of all-MiniLM-L6-v2 alone, and for those that
BM25 has ranked as well, in the encoder's order. With --write the models that are fitted on all of
them become the priors, or are written to the folder TARGET. Vectors are kept in STORE, if one is
named, for the next time.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import retrievers
from benchmarks.measure import print_table
from benchmarks.one_positive import DEPTH, at_hardness, hn_mine_range, one_visible
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.splits import HoldoutRankings, HoldoutSplit
from hn_assets.mining.holdout.unlabelled import estimate_unlabelled
from hn_assets.mining.relevance import prior as prior_module
from hn_assets.mining.relevance.compute_features import (
    LEXICAL_INPUT,
    model_inputs,
    names_of_inputs,
)
from hn_assets.mining.relevance.logistic_model import RelevanceModel
from hn_assets.mining.relevance.prior import FILE, FILE_WITH_LEXICAL_RANK, RelevancePrior
from hn_assets.mining.relevance.similarity import WINDOW

CHOICES = 3  # of the visible positive
HALVES = 2  # hold-outs with half of the positives visible, for what several positives say
COLLECTION_WEIGHT = 20_000  # candidates that a collection counts as, whatever its size
WIDE, LEAST_SPREAD = 0.5, 0.1  # bounds of how much a weight may differ between collections


@dataclass(frozen=True)
class Cut:
    """A collection with some positives hidden."""

    rankings: HoldoutRankings
    inputs: NDArray[np.float32]


class Collection:
    """A collection with all positives of a query hidden but one, several times over."""

    def __init__(self, name: str, holdout: Holdout) -> None:
        self.name = name
        self.queries = len(holdout)
        whole = holdout.all_visible()
        self.cuts = [_cut(holdout, one_visible(whole, seed)) for seed in range(CHOICES)]
        self.halves = [_cut(holdout, holdout.halves(seed)) for seed in range(HALVES)]
        self.inputs = names_of_inputs(self.cuts[0].rankings.features)
        self.positives = sum(len(split.known) for split in whole)

    def examples(self) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
        """Inputs of the best candidates, which are relevant, and how much each counts."""
        inputs, relevant = [], []
        for cut in (*self.cuts, *self.halves):
            window = cut.rankings.features.eligible[:, :WINDOW]
            inputs.append(cut.inputs[:, :WINDOW][window])
            relevant.append(cut.rankings.hidden[:, :WINDOW][window])
        weights = [
            np.full(len(one), COLLECTION_WEIGHT / len(one) * share)
            for one, share in zip(
                relevant, [0.8 / CHOICES] * CHOICES + [0.2 / HALVES] * HALVES, strict=True
            )
        ]
        return np.concatenate(inputs), np.concatenate(relevant), np.concatenate(weights)


def _cut(holdout: Holdout, splits: list[HoldoutSplit]) -> Cut:
    rankings = holdout.hide(splits, splits)
    return Cut(rankings, model_inputs(rankings.features))


def fit(collections: Sequence[Collection]) -> RelevancePrior:
    """The prior of some collections, with no provenance yet."""
    parts = [one.examples() for one in collections]
    inputs, relevant, weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    mean = np.average(inputs, axis=0, weights=weights)
    scale = np.sqrt(np.average((inputs - mean) ** 2, axis=0, weights=weights))
    size = inputs.shape[1]
    flat = RelevanceModel(
        features=collections[0].inputs,
        mean=tuple(map(float, mean)),
        scale=tuple(float(max(x, 1e-3)) for x in scale),
        weights=(0.0,) * size,
        intercept=0.0,
    )
    model = flat.fit(inputs, relevant, np.full(size, 3.0), weights)
    # how much the weights differ between collections, each drawn a little towards the others
    own = [model.fit(*part[:2], np.full(size, WIDE), part[2]).weights for part in parts]
    spread = np.clip(np.std(own, axis=0, ddof=1), LEAST_SPREAD, WIDE)
    return RelevancePrior(
        model=model,
        spread=tuple(map(float, spread)),
        rate_factor=2.0,
        provenance={},
    )


@dataclass(frozen=True)
class Judged:
    """A prior on a collection that it has not seen; means over the choices of the positive."""

    hn_mine: float
    leak: float
    ratio: float
    full: float
    expected: float


def judge(prior: RelevancePrior, collection: Collection) -> Judged:
    """The leak at the hardness of hn_mine's range, beside what the model expected."""
    found = []
    for cut in collection.cuts:
        leak, hardness = hn_mine_range(cut.rankings)
        model = _as_calibrated(prior, cut)
        probability = model.probability(cut.inputs)
        own, full, expected = at_hardness(cut.rankings, probability, hardness)
        found.append((leak, own, own / leak, full, expected))
    return Judged(*np.mean(found, axis=0))


def _as_calibrated(prior: RelevancePrior, cut: Cut) -> RelevanceModel:
    """The model as a calibration without any second positive would have it."""
    visible = cut.rankings.visible
    ones = np.ones(len(visible))
    unlabelled = estimate_unlabelled(cut.rankings, cut.inputs, ones, prior)
    window = cut.rankings.features.eligible[:, :WINDOW]
    inputs = cut.inputs[:, :WINDOW][window]
    times = unlabelled.per_positive * unlabelled.among_candidates
    expected = times * visible[:, :WINDOW].sum()
    return prior.model.expecting(inputs, np.ones(len(inputs)), expected)


def leave_one_out(
    collections: Sequence[Collection],
    judged: Iterable[Collection] | None = None,
) -> dict[str, Judged]:
    """What a prior of the other collections does on each.

    Args:
        collections: What is fitted on.
        judged: The same collections by another encoder or in another order of the candidates, one
            for each; the same if it is None.
    """
    return {
        one.name: judge(fit([other for other in collections if other.name != one.name]), one)
        for one in (judged or collections)
    }


def rate_factor(found: Iterable[Judged]) -> float:
    """The root mean square of the factor between the expected and the true leak."""
    logs = [np.log(max(one.expected, 1e-6) / max(one.leak, 1e-6)) for one in found]
    return float(np.exp(np.sqrt(np.mean(np.square(logs)))))


def write(prior: RelevancePrior, provenance: dict[str, Any], path: Path) -> None:
    """Write a prior as the package reads it."""
    kept = prior.model_copy(update={"provenance": provenance}).model_dump(mode="json")
    path.write_text(json.dumps(_rounded(kept), indent=1) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def main() -> None:
    """Print a table for each prior, and write the priors if it is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    shipped = Path(prior_module.__file__).parent
    parser.add_argument("--write", type=Path, nargs="?", const=shipped)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    alone: list[Collection] = []
    with_bm25: list[Collection] = []
    for folder in options.folders:
        with tempfile.TemporaryDirectory() as scratch:
            place = (options.keep or Path(scratch)) / folder.name
            ranked = retrievers.Collection(folder, place, DEPTH)
            alone.append(Collection(folder.name, ranked.holdout(ranked.rankings["dense"], 1)))
            joined = ranked.joined(("dense", "bm25"), "dense")
            with_bm25.append(Collection(folder.name, ranked.holdout(joined, 1)))
    for collections, file, what in (
        (alone, FILE, "all-MiniLM-L6-v2"),
        (with_bm25, FILE_WITH_LEXICAL_RANK, "all-MiniLM-L6-v2 and BM25"),
    ):
        found = leave_one_out(collections)
        describe(found, f"A prior of the other collections, one positive visible: {what}")
        if options.write:
            prior = fit(collections).model_copy(update={"rate_factor": rate_factor(found.values())})
            write(prior, _provenance(collections, found), options.write / file)


def describe(found: dict[str, Judged], title: str) -> None:
    """Print what priors did on collections that they have not seen."""
    print_table(
        title,
        ["collection", "hn_mine %", "leak %", "ratio", "expected %", "queries full %"],
        [
            (
                name,
                f"{100 * one.hn_mine:.2f}",
                f"{100 * one.leak:.2f}",
                f"{one.ratio:.2f}",
                f"{100 * one.expected:.2f}",
                f"{100 * one.full:.1f}",
            )
            for name, one in found.items()
        ],
    )
    ratios = [one.ratio for one in found.values()]
    factor = rate_factor(found.values())
    print(f"mean ratio {np.mean(ratios):.3f}, worst {max(ratios):.2f}, rates off by {factor:.2f}")


def _provenance(collections: Sequence[Collection], found: dict[str, Judged]) -> dict[str, Any]:
    return {
        "command": "python -m benchmarks.relevance_prior FOLDER... --write",
        "encoder": "all-MiniLM-L6-v2",
        **({"lexical_retriever": "bm25"} if LEXICAL_INPUT in collections[0].inputs else {}),
        "collections": {
            one.name: {"queries": one.queries, "positives": one.positives} for one in collections
        },
        "visible_positives": f"one of each query, {CHOICES} choices",
        "on_unseen_collections": {
            name: {
                "leak_of_hn_mine": one.hn_mine,
                "leak_at_its_hardness": one.leak,
                "expected_leak": one.expected,
            }
            for name, one in found.items()
        },
    }


if __name__ == "__main__":
    main()
