"""How many known positives come back as negatives when half of them are hidden.

    python -m benchmarks.false_negatives FOLDER [--targets 0.005,0.01,0.02] [--hidings 10]

FOLDER is in BEIR layout, with several positives a query; qrels of every split count. In each
hiding half of the positives of every query with four or more are hidden from all. Calibration
sees one half of the queries, and the other half is mined and judged; then they change places. Leaks
are counted here, against the hidden qrels, not by the audit of hn_assets; what mines is the miner
that a user runs, deeper searches included. The interval is over queries, by bootstrap.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import faiss
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import bootstrap

from benchmarks.measure import describe_machine, materialize, print_table, write_project
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import IndexedDataset, Texts
from hn_assets.mining.data.text_ids import number_texts
from hn_assets.mining.holdout.calibration import Calibration, calibrate
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.miner import Miner
from hn_assets.mining.plan import make_plan, planned_sampling
from hn_assets.retrieval.searcher import Searcher
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings

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
    parser.add_argument("--hidings", type=int, default=10)
    options = parser.parse_args()
    methods = dict(METHODS)
    for target in options.targets.split(","):
        methods[f"hn_assets, target {target}"] = (
            {},
            {"target_false_negative_rate": float(target)},
        )
    with tempfile.TemporaryDirectory() as scratch:
        all_splits = World(options.folder, Path(scratch))
        tallies = {name: Tally() for name in methods}
        for seed in range(options.hidings):
            for hiding in all_splits.hide(seed):
                for name, (mining, negatives) in methods.items():
                    hiding.mine(
                        MiningSettings.model_validate({"num_negatives": WANTED, **mining}),
                        FiltersSettings.model_validate(negatives),
                        tallies[name],
                    )
    theirs = tallies[HN_MINE]
    print_table(
        f"{options.folder.name}: {len(all_splits.able)} queries, {options.hidings} hidings. "
        f"{describe_machine()}",
        ["method", "leak %", "95 % interval", "mean cosine", "queries full %", "beside hn_mine"],
        [
            (
                name,
                f"{100 * found.leak:.2f}",
                "{:.2f} to {:.2f}".format(*(100 * bound for bound in found.interval())),
                f"{found.hardness:.3f}",
                f"{100 * found.full:.1f}",
                f"{found.leak / max(theirs.leak, 1e-9):.2f} of its leak",
            )
            for name, found in tallies.items()
        ],
    )
    for name, found in tallies.items():
        if found.unsupported:
            print(f"{name}: in {found.unsupported} of {2 * options.hidings} cases not supported")


@dataclass
class Tally:
    """What a method did, by query."""

    leaked: dict[int, int] = field(default_factory=dict)
    mined: dict[int, int] = field(default_factory=dict)
    scores: float = 0.0
    filled: int = 0
    asked: int = 0
    unsupported: int = 0

    @property
    def leak(self) -> float:
        """Share of the negatives that are hidden positives."""
        return sum(self.leaked.values()) / max(sum(self.mined.values()), 1)

    @property
    def hardness(self) -> float:
        """Mean cosine of the negatives to their query."""
        return self.scores / max(sum(self.mined.values()), 1)

    @property
    def full(self) -> float:
        """Share of the queries with as many negatives as wanted."""
        return self.filled / max(self.asked, 1)

    def interval(self) -> tuple[float, float]:
        """Of the leak, 95 %, over queries."""
        pairs = [(self.leaked.get(q, 0), count) for q, count in self.mined.items()]
        leaked, mined = np.array(pairs, float).T

        def ratio(x: NDArray, y: NDArray, axis: int = -1) -> NDArray:
            return x.sum(axis=axis) / y.sum(axis=axis)

        found = bootstrap(
            (leaked, mined), ratio, paired=True, method="percentile", rng=np.random.default_rng(0)
        )
        return found.confidence_interval.low, found.confidence_interval.high


class World:
    """A collection, encoded and searched once by a run of the graph."""

    def __init__(self, folder: Path, place: Path) -> None:
        files = sorted((folder / "qrels").glob("*.tsv"))
        qrels = pd.concat(pd.read_csv(path, sep="\t", dtype=str) for path in files)
        qrels.columns = ["query_id", "doc_id", "score"]
        (place / "raw" / "qrels").mkdir(parents=True)
        for name in ("corpus.jsonl", "queries.jsonl"):
            (place / "raw" / name).symlink_to((folder / name).resolve())
        qrels.to_csv(place / "raw" / "qrels" / "train.tsv", sep="\t", index=False)
        settings = {
            "source": {"type": "beir", "folder": str((place / "raw").resolve())},
            "mining": {"evaluation_split": ""},
        }
        write_project(place, "hidden", settings)
        materialize(place, "hidden")
        data = place / "data" / "hidden"
        self.documents = VectorTable(data / "corpus_embeddings/latest/vectors.arrow")
        self.queries = VectorTable(data / "query_embeddings/latest/vectors.arrow")
        self.texts: Texts = number_texts(
            data / "corpus/latest/corpus.parquet",
            data / "queries/latest/queries.parquet",
            include_title=True,
            document_ids=self.documents.ids,
            query_ids=self.queries.ids,
        )
        kept = pd.read_parquet(data / "qrels/latest/qrels.parquet")
        self.qrels = kept[kept.score > 0]
        counts = self.qrels.groupby("query_id").size()
        self.able = sorted(counts.index[counts >= FEWEST])
        index = faiss.IndexFlatIP(self.documents.dimension)
        for block in self.documents.blocks():
            index.add(np.ascontiguousarray(block))
        self.searcher = Searcher(index, self.documents)

    def search(self, rows: NDArray[np.int64], depth: int) -> CandidateBlock:
        """The rankings of some queries."""
        depth = min(depth, len(self.documents))
        return CandidateBlock(rows, *self.searcher.find(self.queries.take(rows), depth))

    def hide(self, seed: int) -> Iterator["Hiding"]:
        """Half of the positives hidden; each half of the queries judged once."""
        random = np.random.default_rng(seed)
        shuffled = self.qrels.sample(frac=1, random_state=seed)
        place = shuffled.groupby("query_id").cumcount()
        size = shuffled.groupby("query_id")["doc_id"].transform("size")
        is_hidden = shuffled.query_id.isin(self.able) & (place < size // 2)
        order = random.permutation(self.able)
        halves = set(order[: len(order) // 2]), set(order[len(order) // 2 :])
        for judged in halves:
            yield Hiding(self, shuffled[~is_hidden], shuffled[is_hidden], judged, seed)


class Hiding:
    """Some positives hidden, and some queries judged that calibration does not see."""

    def __init__(
        self,
        all_splits: World,
        visible: pd.DataFrame,
        hidden: pd.DataFrame,
        judged: set[str],
        seed: int,
    ) -> None:
        self.all_splits, self.seed = all_splits, seed
        rows = pd.Index(all_splits.queries.ids)
        documents = pd.Index(all_splits.documents.ids)
        self.secret = {
            (int(rows.get_loc(q)), int(documents.get_loc(d)))  # type: ignore[arg-type]
            for q, d in zip(hidden.query_id, hidden.doc_id, strict=True)
            if q in judged
        }
        self.judged, self.calibrating = (
            self._collection(visible, lambda q, known=known: (q in judged) == known)
            for known in (True, False)
        )

    def _collection(self, visible: pd.DataFrame, belongs) -> IndexedDataset:
        able = set(self.all_splits.able)
        split = {
            q: "it" if q in able and belongs(q) else "other" for q in self.all_splits.queries.ids
        }
        queries = pd.DataFrame({"id": list(split), "split": list(split.values())})
        qrels = visible.assign(split=visible.query_id.map(split))
        return IndexedDataset.build(
            self.all_splits.documents.ids,
            self.all_splits.queries.ids,
            self.all_splits.texts,
            queries,
            qrels,
            "it",
        )

    def _pool(self, collection: IndexedDataset) -> CandidateBlock:
        depth = DEPTH + int(collection.positives.counts().max())
        return self.all_splits.search(np.flatnonzero(collection.mined), depth)

    def _calibrate(self, mining: MiningSettings, negatives: FiltersSettings) -> Calibration:
        collection = self.calibrating
        holdout = Holdout(
            [self._pool(collection)],
            collection,
            self.all_splits.queries,
            self.all_splits.documents,
            seed=self.seed,
        )
        sampling = planned_sampling(mining, calibrated=True)
        return calibrate(holdout, sampling, negatives, int(collection.mined.sum()))

    def mine(self, mining: MiningSettings, negatives: FiltersSettings, tally: Tally) -> None:
        """LoadedDataset the judged queries by some settings, and count what leaks."""
        calibration = None
        if negatives.is_calibrated:
            calibration = self._calibrate(mining, negatives)
            tally.unsupported += not calibration.is_supported
        miner = Miner(
            self.judged,
            self.all_splits.queries,
            self.all_splits.documents,
            make_plan(mining, negatives, calibration),
            seed=self.seed,
            deeper=self.all_splits.search,
        )
        for mined in miner.mine(self._pool(self.judged)):
            query, rank = np.nonzero(mined.chosen)
            rows = mined.block.queries[query]
            found = mined.block.documents[query, rank]
            tally.scores += float(mined.block.scores[query, rank].sum(dtype=np.float64))
            tally.asked += len(mined.block.queries)
            tally.filled += int((mined.chosen.sum(axis=1) >= mining.negatives).sum())
            for pair in zip(rows.tolist(), found.tolist(), strict=True):
                tally.mined[pair[0]] = tally.mined.get(pair[0], 0) + 1
                if pair in self.secret:
                    tally.leaked[pair[0]] = tally.leaked.get(pair[0], 0) + 1


if __name__ == "__main__":
    main()
