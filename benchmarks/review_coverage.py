"""How often the interval of a review holds the true false-negative rate.

    python -m benchmarks.review_coverage FOLDER [--samples 200] [--negatives 100]

FOLDER is in BEIR layout, with several positives a query; qrels of every split count. One positive
of each query stays visible, at random, and negatives are mined with the defaults. Each sample is
judged by the hidden labels, once without error, and once by a reviewer who misses a fifth of what
is relevant and calls one in fifty of the others relevant.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import describe_machine, print_table
from hn_assets import mine_hard_negatives
from hn_assets.review.draw_sample import Population, draw_sample, name_negatives
from hn_assets.review.review_result import measure
from hn_assets.settings.review import ReviewSettings
from hn_assets.sources.verdicts import Verdict

REVIEWERS = {"without errors": (0.0, 0.0), "misses 1 in 5, false alarm 1 in 50": (0.2, 0.02)}
Pair = tuple[str, str]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--negatives", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        population, relevant = mine(options.folder, Path(scratch))
    negatives = population.negatives
    pairs = zip(negatives.query_id, negatives.doc_id, strict=True)
    true = float(np.mean([pair in relevant for pair in pairs]))
    rows: list[tuple] = []
    for name, errors in REVIEWERS.items():
        held = np.zeros(2)
        for seed in range(options.samples):
            settings = ReviewSettings(num_negatives=options.negatives, seed=seed)
            sample = draw_sample(population, settings)
            found = measure(sample, judge(sample, relevant, errors, seed), negatives, 0.0)
            rates = found.as_judged, found.rate
            held += [rate is not None and rate.low <= true <= rate.high for rate in rates]
        shares = held / options.samples
        rows.append((name, f"{shares[0]:.3f}", f"{shares[1]:.3f}"))
    print_table(
        f"{options.folder.name}: {true:.2%} of {len(negatives):,} negatives are hidden positives; "
        f"{options.samples} samples of {options.negatives}. {describe_machine()}",
        ["reviewer", "interval as judged holds it", "without the reviewer's errors"],
        rows,
    )


def mine(folder: Path, scratch: Path) -> tuple[Population, set[Pair]]:
    """What samples are drawn from, and the pairs that are relevant."""
    files = sorted((folder / "qrels").glob("*.tsv"))
    qrels = pd.concat(pd.read_csv(path, sep="\t", dtype=str) for path in files)
    qrels.columns = ["query_id", "doc_id", "score"]
    qrels = qrels[qrels.score.astype(int) > 0]
    visible = qrels.sample(frac=1, random_state=0).groupby("query_id").head(1)
    raw = scratch / "raw"
    (raw / "qrels").mkdir(parents=True)
    for name in ("corpus.jsonl", "queries.jsonl"):
        (raw / name).symlink_to((folder / name).resolve())
    visible.to_csv(raw / "qrels" / "train.tsv", sep="\t", index=False)
    mined = mine_hard_negatives(
        raw, settings={"mining": {"plan": "settings", "evaluation_split": ""}}, folder=scratch
    )
    assert mined.folder is not None
    ranked = pd.read_parquet(mined.folder / "candidates/latest/candidates.parquet")
    population = Population(
        negatives=mined.negatives,
        positives={str(q): list(ids) for q, ids in visible.groupby("query_id").doc_id},
        document_ids=list(
            pd.read_parquet(mined.folder / "corpus/latest/corpus.parquet", columns=["id"]).id
        ),
        candidates={str(q): frozenset(ids) for q, ids in ranked.groupby("query_id").doc_id},
        version=name_negatives(mined.negatives),
    )
    return population, set(zip(qrels.query_id, qrels.doc_id, strict=True))


def judge(
    sample: pd.DataFrame, relevant: set[Pair], errors: tuple[float, float], seed: int
) -> list[Verdict]:
    """The verdicts of a reviewer with these errors."""
    rng = np.random.default_rng(seed)
    missed, alarm = errors
    found: list[Verdict] = []
    for row in sample.to_dict("records"):
        pair = str(row["query_id"]), str(row["doc_id"])
        says = rng.random() >= missed if pair in relevant else rng.random() < alarm
        found.append(Verdict(*pair, bool(says), str(row["sample"]), int(row["item"]), ""))
    return found


if __name__ == "__main__":
    main()
