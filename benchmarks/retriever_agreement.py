"""How much better the model of relevance is where it knows what BM25 says of a candidate.

    python -m benchmarks.retriever_agreement FOLDER... [--keep STORE]

Each FOLDER is a collection in BEIR layout, with several positives a query. all-MiniLM-L6-v2 and
BM25 rank it. As in `benchmarks.relevance_prior`, one positive of each query is visible, and a model
is fitted on the joined finds of all collections but one, in the order of the encoder, once without
and once with the rank in BM25. It is judged on the last one: on the joined finds in the order of
the encoder and by reciprocal rank fusion, and on those of BM25 alone. Its leak is told as a ratio
to that of hn_mine's range in the same order, at the same hardness.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import retrievers
from benchmarks.measure import print_table
from benchmarks.one_positive import DEPTH
from benchmarks.relevance_prior import Collection, Judged, describe, leave_one_out, rate_factor
from benchmarks.retrievers import FUSED

BOTH = ("dense", "bm25")
# what is judged, the order in which models are fitted first
JUDGED = (
    ("both, in the order of dense", BOTH, "dense"),
    ("both, fused", BOTH, FUSED),
    ("BM25 alone", ("bm25",), FUSED),
)


def main() -> None:
    """Print a table of each model, and one that compares them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    # by what is judged, and whether the model knows the rank in BM25
    opened: dict[tuple[str, bool], list[Collection]] = {}
    for folder in options.folders:
        with tempfile.TemporaryDirectory() as scratch:
            place = (options.keep or Path(scratch)) / folder.name
            ranked = retrievers.Collection(folder, place, DEPTH)
            for what, names, order in JUDGED:
                candidates = ranked.joined(names, order)
                for knows in (False, True):
                    holdout = ranked.holdout(candidates, 1, with_lexical_rank=knows)
                    opened.setdefault((what, knows), []).append(Collection(folder.name, holdout))
    rows = []
    for what, _, _ in JUDGED:
        found: list[dict[str, Judged]] = []
        for knows in (False, True):
            fitted = opened[JUDGED[0][0], knows]
            found.append(leave_one_out(fitted, opened[what, knows]))
            describe(found[-1], f"{what}, {'with' if knows else 'without'} the rank in BM25")
        without, with_rank = (np.array([one.ratio for one in each.values()]) for each in found)
        difference = with_rank - without
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        factors = [f"{rate_factor(each.values()):.2f}" for each in found]
        rows.append(
            [
                what,
                f"{without.mean():.3f}",
                f"{with_rank.mean():.3f}",
                f"{difference.mean():+.3f} ± {error:.3f}",
                *factors,
            ]
        )
    print_table(
        "Leak beside hn_mine's range at its hardness, and the factor by which rates were wrong",
        ["candidates", "without", "with it", "difference", "factor without", "factor with it"],
        rows,
    )


if __name__ == "__main__":
    main()
