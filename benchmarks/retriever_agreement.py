"""Does it help the model of relevance to know what BM25 says of a candidate?

    python -m benchmarks.retriever_agreement FOLDER... [--keep STORE]

Each FOLDER is a collection in BEIR layout, with several positives a query. all-MiniLM-L6-v2 and
BM25 rank it, and their finds are joined: in the order of the encoder, or by reciprocal rank fusion.
As in `benchmarks.relevance_prior`, one positive of each query is visible, a model is fitted on all
collections but one, and its leak there is told as a ratio to that of hn_mine's range in that order,
at the same hardness. What differs between rows is what the model knows of BM25.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import relevance_prior
from benchmarks.measure import print_table
from benchmarks.relevance_prior import leave_one_out
from benchmarks.retrievers import FUSED, Collection
from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.mining.relevance.compute_features import LARGEST_INPUT, MODEL_INPUTS, model_inputs
from hn_assets.mining.relevance.similarity import WINDOW

LOG, STANDARDISED, FOUND = "log of rank in BM25", "the same, standardised", "found by BM25"
VARIANTS: tuple[tuple[str, ...], ...] = ((), (LOG,), (STANDARDISED,), (FOUND,), (LOG, FOUND))


def inputs_with(names: tuple[str, ...], features: CandidateFeatures) -> NDArray[np.float32]:
    """The inputs of the model, and those of `names`; float32, (rankings, depth, inputs)."""
    assert features.ranks is not None
    ranks = features.ranks[:, :, features.retrievers.index("bm25")]
    # what BM25 did not find stands behind all that it found
    log = np.log1p(np.where(ranks < 0, ranks.max() + 1, ranks))
    best = np.take_along_axis(log, features.score_order, 1)[:, :WINDOW]
    spread = np.maximum(best.std(axis=1, keepdims=True), 1e-4)
    of = {
        LOG: log,
        STANDARDISED: (log - best.mean(axis=1, keepdims=True)) / spread,
        FOUND: (ranks >= 0) & (ranks < WINDOW),
    }
    more = [np.clip(of[name], -LARGEST_INPUT, LARGEST_INPUT)[..., None] for name in names]
    return np.concatenate([model_inputs(features), *more], axis=-1).astype(np.float32)


def main() -> None:
    """Print a table for each order."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        ranked = [
            Collection(folder, (options.keep or Path(scratch)) / folder.name)
            for folder in options.folders
        ]
        for order in ("dense", FUSED):
            holdouts = {
                one.folder.name: one.holdout(one.joined(("dense", "bm25"), order), 1)
                for one in ranked
            }
            rows, without = [], np.zeros(len(holdouts))
            for names in VARIANTS:
                collections = [
                    relevance_prior.Collection(name, holdout, partial(inputs_with, names))
                    for name, holdout in holdouts.items()
                ]
                found = leave_one_out(collections, names=(*MODEL_INPUTS, *names))
                ratios = np.array([one.ratio for one in found.values()])
                without = ratios if not names else without
                difference = ratios - without
                error = difference.std(ddof=1) / np.sqrt(len(ratios))
                rows.append(
                    [
                        " and ".join(names) or "nothing",
                        *(f"{ratio:.2f}" for ratio in ratios),
                        f"{ratios.mean():.3f}",
                        f"{difference.mean():+.3f} ± {error:.3f}" if names else "",
                    ]
                )
            print_table(
                f"Leak beside hn_mine's range at its hardness, candidates in the order of {order}",
                ["the model knows of BM25", *holdouts, "mean", "difference"],
                rows,
            )


if __name__ == "__main__":
    main()
