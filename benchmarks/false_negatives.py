"""How many known positives come back as negatives when half of them are hidden.

    python -m benchmarks.false_negatives FOLDER [--targets 0.005,0.01,0.02] [--hold-outs 10]
        [--hardness 0.75,0.5,0] [--random-share 0.2]

FOLDER is in BEIR layout, with several positives a query; qrels of every split count. In each
hold-out half of the positives of every query with four or more are hidden from all. Calibration
sees one half of the queries, and the other half is mined and judged; then they change places. False
negatives are counted here, against the hidden qrels, not by the audit of hn_assets; what mines is
the miner that a user runs, deeper searches included. The interval is over queries, by bootstrap.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import bootstrap

from benchmarks.measure import describe_machine, print_table
from hn_assets import mine_hard_negatives
from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.mining.session import MiningSession
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.settings.search import SearchSettings

FEWEST, WANTED, DEPTH = 4, 15, 210
HN_MINE = "hn_mine, ranks 10-210 at random"
METHODS: dict[str, tuple[dict, dict]] = {
    f"top {WANTED}": ({"range_min": 0, "range_max": DEPTH, "sampling": "top"}, {}),
    "tutorial, ranks 5-15": (
        {"range_min": 5, "range_max": 15, "sampling": "top", "num_negatives": 10},
        {},
    ),
    "5 % below the mean positive": (
        {"range_min": 0, "range_max": DEPTH, "sampling": "top"},
        {"relative_margin": 0.05, "max_search_depth": 0},
    ),
    HN_MINE: ({"range_min": 10, "range_max": DEPTH, "sampling": "random"}, {}),
    "closest positive below 0.5": (
        {"range_min": 0, "range_max": DEPTH, "sampling": "top"},
        {"max_positive_similarity": 0.5, "max_search_depth": 0},
    ),
    "closest positive below 0.45": (
        {"range_min": 0, "range_max": DEPTH, "sampling": "top"},
        {"max_positive_similarity": 0.45, "max_search_depth": 0},
    ),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--targets", default="0.005,0.01,0.02")
    parser.add_argument("--hold-outs", type=int, default=10)
    parser.add_argument("--hardness", default="", help="values to try with each of the targets")
    parser.add_argument("--random-share", default="", help="the same of random documents")
    options = parser.parse_args()
    methods = dict(METHODS)
    for target in options.targets.split(","):
        filters = {"target_false_negative_rate": float(target)}
        methods[f"hn_assets, target {target}"] = ({}, filters)
        for hardness in filter(None, options.hardness.split(",")):
            name = f"hn_assets, target {target}, hardness {hardness}"
            methods[name] = ({"hardness": float(hardness)}, filters)
        for share in filter(None, options.random_share.split(",")):
            name = f"hn_assets, target {target}, random share {share}"
            methods[name] = ({"random_share": float(share)}, filters)
    with tempfile.TemporaryDirectory() as scratch:
        dataset = Dataset(options.folder, Path(scratch))
        tallies = {name: Tally() for name in methods}
        for seed in range(options.hold_outs):
            for hold_out in dataset.hold_out(seed):
                for name, (mining, negatives) in methods.items():
                    hold_out.mine(
                        MiningSettings.model_validate({"num_negatives": WANTED, **mining}),
                        FiltersSettings.model_validate(negatives),
                        tallies[name],
                    )
    theirs = tallies[HN_MINE]
    print_table(
        f"{options.folder.name}: {len(dataset.able)} queries, {options.hold_outs} hold-outs. "
        f"{describe_machine()}",
        [
            "method",
            "false negatives %",
            "95 % interval",
            "mean cosine",
            "queries full %",
            "beside hn_mine",
        ],
        [
            (
                name,
                f"{100 * found.rate:.2f}",
                "{:.2f} to {:.2f}".format(*(100 * bound for bound in found.interval())),
                f"{found.hardness:.3f}",
                f"{100 * found.full:.1f}",
                f"{found.rate / max(theirs.rate, 1e-9):.2f} of its rate",
            )
            for name, found in tallies.items()
        ],
    )


@dataclass
class Tally:
    """What a method did, by query."""

    hidden: dict[str, int] = field(default_factory=dict)
    mined: dict[str, int] = field(default_factory=dict)
    scores: float = 0.0
    filled: int = 0
    asked: int = 0

    @property
    def rate(self) -> float:
        """Share of the negatives that are hidden positives."""
        return sum(self.hidden.values()) / max(sum(self.mined.values()), 1)

    @property
    def hardness(self) -> float:
        """Mean cosine of the negatives to their query."""
        return self.scores / max(sum(self.mined.values()), 1)

    @property
    def full(self) -> float:
        """Share of the queries with as many negatives as wanted."""
        return self.filled / max(self.asked, 1)

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate, over queries."""
        pairs = [(self.hidden.get(q, 0), count) for q, count in self.mined.items()]
        hidden, mined = np.array(pairs, float).T

        def ratio(x: NDArray, y: NDArray, axis: int = -1) -> NDArray:
            return x.sum(axis=axis) / y.sum(axis=axis)

        found = bootstrap(
            (hidden, mined), ratio, paired=True, method="percentile", rng=np.random.default_rng(0)
        )
        return found.confidence_interval.low, found.confidence_interval.high


class Dataset:
    """A collection, encoded and searched once."""

    def __init__(self, folder: Path, place: Path, depth: int = DEPTH) -> None:
        files = sorted((folder / "qrels").glob("*.tsv"))
        qrels = pd.concat(pd.read_csv(path, sep="\t", dtype=str) for path in files)
        qrels.columns = ["query_id", "doc_id", "score"]
        raw = place / "raw"
        (raw / "qrels").mkdir(parents=True, exist_ok=True)
        for name in ("corpus.jsonl", "queries.jsonl"):
            (raw / name).unlink(missing_ok=True)
            (raw / name).symlink_to((folder / name).resolve())
        qrels.to_csv(raw / "qrels" / "train.tsv", sep="\t", index=False)
        most = int((qrels.score.astype(int) > 0).groupby(qrels.query_id).sum().max())
        settings = {"mining": {"evaluation_split": ""}, "search": {"depth": depth + most}}
        mined = mine_hard_negatives(raw, settings=settings, folder=place)
        assert mined.folder is not None
        stages = mined.folder
        self.files = MiningFiles(
            corpus=stages / "corpus/latest/corpus.parquet",
            queries=stages / "queries/latest/queries.parquet",
            qrels=stages / "qrels/latest/qrels.parquet",
            corpus_embeddings=stages / "corpus_embeddings/latest/vectors.arrow",
            query_embeddings=stages / "query_embeddings/latest/vectors.arrow",
            faiss_index=stages / "faiss_index/latest/index.faiss",
            faiss_index_ids=stages / "faiss_index/latest/ids.parquet",
            candidates=stages / "candidates/latest/candidates.parquet",
        )
        self.place = place
        self.queries = pd.read_parquet(self.files.queries)
        kept = pd.read_parquet(self.files.qrels)
        self.qrels = kept[kept.score > 0]
        counts = self.qrels.groupby("query_id").size()
        self.able = sorted(counts.index[counts >= FEWEST])

    def hold_out(self, seed: int) -> Iterator["HoldOut"]:
        """Half of the positives hidden; each half of the queries judged once."""
        shuffled = self.qrels.sample(frac=1, random_state=seed)
        place = shuffled.groupby("query_id").cumcount()
        size = shuffled.groupby("query_id")["doc_id"].transform("size")
        is_hidden = shuffled.query_id.isin(self.able) & (place < size // 2)
        order = np.random.default_rng(seed).permutation(self.able)
        halves = set(order[: len(order) // 2]), set(order[len(order) // 2 :])
        for number, judged in enumerate(halves):
            yield HoldOut(self, shuffled[~is_hidden], shuffled[is_hidden], judged, seed, number)


class HoldOut:
    """Some positives hidden, and some queries judged that calibration does not see."""

    def __init__(
        self,
        dataset: Dataset,
        visible: pd.DataFrame,
        hidden: pd.DataFrame,
        judged: set[str],
        seed: int,
        number: int,
    ) -> None:
        self.seed = seed
        self.place = dataset.place / f"hold_out-{seed}-{number}"
        self.place.mkdir()
        able = set(dataset.able)
        split = {
            q: ("judged" if q in judged else "calibrating") if q in able else "other"
            for q in dataset.queries.id
        }
        queries, qrels = self.place / "queries.parquet", self.place / "qrels.parquet"
        dataset.queries.assign(split=dataset.queries.id.map(split)).to_parquet(queries)
        visible.assign(split=visible.query_id.map(split)).to_parquet(qrels)
        self.files = replace(dataset.files, queries=queries, qrels=qrels)
        secret = hidden[hidden.query_id.isin(judged)]
        self.secret = set(zip(secret.query_id, secret.doc_id, strict=True))

    def _open(self, mining: MiningSettings, filters: FiltersSettings, **more) -> MiningSession:
        return MiningSession.open(
            self.files,
            mining=mining,
            filters=filters,
            search=SearchSettings(),
            include_title=True,
            **more,
        )

    def mine(self, mining: MiningSettings, filters: FiltersSettings, tally: Tally) -> None:
        """Mine the judged queries by some settings, and count the hidden positives among them."""
        calibration = None
        if filters.is_calibrated:
            others = mining.model_copy(update={"split": "calibrating", "seed": self.seed})
            calibration = self._open(others, filters).calibrate()
        judged = mining.model_copy(update={"split": "judged", "seed": self.seed})
        session = self._open(judged, filters, calibration=calibration)
        chosen, report = session.mine(self.place / "ledger.parquet")
        negatives = chosen.table().to_pandas()
        tally.scores += float(negatives.score.sum())
        tally.asked += report.queries
        tally.filled += report.enough
        for query, found in negatives.groupby("query_id").doc_id:
            tally.mined[str(query)] = tally.mined.get(str(query), 0) + len(found)
            wrong = sum((query, document) in self.secret for document in found)
            tally.hidden[str(query)] = tally.hidden.get(str(query), 0) + wrong


if __name__ == "__main__":
    main()
