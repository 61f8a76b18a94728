"""Candidates of an encoder and of BM25, alone and together: their quality, and what mining leaks.

    python -m benchmarks.retrievers FOLDER... [--keep STORE]

Each FOLDER is a collection in BEIR layout. The first table is nDCG@10 of the rankings of
all-MiniLM-L6-v2, of BM25 and of their fusion, on the split `test` if there is one, else on all
qrels. The others are of collections with several positives a query: of each query one positive is
visible (three choices), or half of them (three choices). Taken are the 15 best ranked candidates
below a threshold of the probability of relevance, by the prior that ships for candidates that BM25
has ranked or for others; the threshold is where they are as hard as a random choice from hn_mine's
range of the encoder's ranking, by their mean cosine. The leak is the share of hidden positives
among them. The priors were fitted on some of these collections, which makes every leak lower than
on others, for all rows alike.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ir_measures
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from ir_measures import nDCG
from numpy.typing import NDArray

from benchmarks.false_negatives import WANTED, Dataset
from benchmarks.measure import print_table
from benchmarks.one_positive import hn_mine_range, one_visible
from hn_assets.mining.data.candidate_block import read_candidate_blocks
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.splits import HoldoutRankings, HoldoutSplit
from hn_assets.mining.relevance.compute_features import model_inputs
from hn_assets.mining.relevance.prior import shipped_prior
from hn_assets.mining.rules.sampling import Sampling
from hn_assets.mining.session import MiningSession
from hn_assets.retrieval.join_candidates import join_candidates
from hn_assets.retrievers import RetrieverInputs
from hn_assets.retrievers.kinds.bm25 import Bm25Settings
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.settings.search import SearchSettings
from hn_assets.store import schemas

DEPTH = 400
CHOICES = 3
FUSED = "reciprocal_rank_fusion"
QUOTAS = (("dense", 10), ("bm25", 5))


@dataclass(frozen=True)
class Method:
    """A way to find candidates and to take negatives from them."""

    name: str
    retrievers: tuple[str, ...]
    sampling: Sampling
    order: str = FUSED


COLUMNS = [
    "collection",
    "candidates of",
    "leak %",
    "cosine",
    "queries full %",
    "leak % without a threshold",
    "cosine",
]
TOP = Sampling("top", WANTED)
METHODS = (
    Method("dense", ("dense",), TOP),
    Method("BM25", ("bm25",), TOP),
    Method("both, fused", ("dense", "bm25"), TOP),
    Method("both, in the order of dense", ("dense", "bm25"), TOP, "dense"),
    Method("both, 10 of dense and 5 of BM25", ("dense", "bm25"), replace(TOP, quotas=QUOTAS)),
)


class Collection:
    """A collection that both retrievers have ranked."""

    def __init__(self, folder: Path, place: Path, depth: int = DEPTH) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.dataset = Dataset(folder, place, depth)
        self.place = place
        files = self.dataset.files
        ranked = pd.read_parquet(files.candidates)
        self.depth = int(ranked["rank"].max()) + 1
        self.rankings = {"dense": files.candidates, "bm25": place / "bm25.parquet"}
        inputs = RetrieverInputs(place, files.corpus, files.queries)
        Bm25Settings(type="bm25").retrieve(inputs, self.rankings["bm25"], self.depth)

    def joined(self, retrievers: Sequence[str], order: str = FUSED) -> Path:
        """The file of the candidates of some retrievers, in the order of their fusion or of one."""
        files = self.dataset.files
        target = self.place / f"joined-{'-'.join(retrievers)}-{order}.parquet"
        join_candidates(
            {name: self.rankings[name] for name in retrievers},
            files.corpus_embeddings,
            files.query_embeddings,
            target=target,
            own="dense" if "dense" in retrievers else None,
            order=order,
            depth=self.depth,
            memory_mb=512,
            qrels=pd.read_parquet(files.qrels),
            log=lambda message: None,
        )
        return target

    def quality(self) -> dict[str, float]:
        """The nDCG@10 of each ranking and of the fusion."""
        test = self.folder / "qrels" / "test.tsv"
        if test.exists():
            qrels = pd.read_csv(test, sep="\t", dtype=str)
            qrels.columns = ["query_id", "doc_id", "relevance"]
        else:
            qrels = pd.read_parquet(self.dataset.files.qrels)
            qrels = qrels.rename(columns={"score": "relevance"})
        qrels = qrels.assign(relevance=qrels.relevance.astype(int).clip(lower=0))
        files = {**self.rankings, "fused": self.joined(("dense", "bm25"))}
        found = {}
        for name, path in files.items():
            run = pd.read_parquet(path, columns=["query_id", "doc_id", "rank"])
            run = run[run.query_id.isin(set(qrels.query_id))]
            run = run.assign(score=-run["rank"].astype(float))
            found[name] = ir_measures.calc_aggregate([nDCG @ 10], qrels, run)[nDCG @ 10]
        return found

    def holdout(
        self, candidates: Path, min_positives: int = 2, *, with_lexical_rank: bool | None = None
    ) -> Holdout:
        """The queries with so many positives, for hiding some of these.

        Args:
            candidates: The rankings.
            min_positives: How many positives a query has at least.
            with_lexical_rank: Whether the model of relevance looks at BM25's rank; None if it does
                wherever BM25 has ranked.
        """
        if with_lexical_rank is None:
            with_lexical_rank = bool(schemas.rank_columns(pq.read_schema(candidates).names))
        session = MiningSession.open(
            replace(self.dataset.files, candidates=candidates),
            mining=MiningSettings(),
            filters=FiltersSettings(),
            search=SearchSettings(),
            include_title=True,
        )
        return Holdout(
            lambda wanted: read_candidate_blocks(candidates, session.dataset, wanted=wanted),
            session.dataset,
            session.queries,
            session.documents,
            seed=0,
            min_positives=min_positives,
            lexical_retrievers=("bm25",) if with_lexical_rank else (),
        )


Cut = Callable[[Holdout], list[HoldoutSplit]]


def cuts(what: str) -> Iterator[Cut]:
    """The choices of which positives are visible."""
    for seed in range(CHOICES):
        if what == "one":
            yield lambda holdout, seed=seed: one_visible(holdout.all_visible(), seed)
        else:
            yield lambda holdout, seed=seed: holdout.halves(seed)


def compare(collection: Collection, what: str) -> dict[str, NDArray[np.float64]]:
    """Leak, mean cosine, share of full queries, and both without the threshold, of each method."""
    holdouts = {
        (names, order): collection.holdout(
            collection.rankings["dense"] if names == ("dense",) else collection.joined(names, order)
        )
        for names, order in {(method.retrievers, method.order) for method in METHODS}
    }
    found: dict[str, list[tuple[float, ...]]] = {method.name: [] for method in METHODS}
    for cut in cuts(what):
        hidden = {
            key: holdout.hide(splits, splits)
            for key, holdout in holdouts.items()
            for splits in [cut(holdout)]
        }
        leak, hardness = hn_mine_range(hidden[("dense",), FUSED])
        found.setdefault("hn_mine's range of dense", []).append(
            (leak, hardness, 1.0, leak, hardness)
        )
        for method in METHODS:
            found[method.name].append(
                at_hardness(hidden[method.retrievers, method.order], method, hardness)
            )
    return {name: np.mean(rows, axis=0) for name, rows in found.items()}


def at_hardness(rankings: HoldoutRankings, method: Method, hardness: float) -> tuple[float, ...]:
    """What is taken at the threshold with this mean cosine, or without one if that is softer."""
    eligible, scores = rankings.features.eligible, rankings.features.scores
    prior = shipped_prior(with_lexical_rank=rankings.features.lexical_rank is not None)
    probability = prior.model.probability(model_inputs(rankings.features))

    def take(limit: float) -> NDArray[np.bool_]:
        return rankings.choose(method.sampling, eligible & (probability < limit))

    limits = np.sort(probability[eligible])
    low, high = 0, len(limits) - 1
    everything = take(np.inf)
    chosen = everything
    if scores[everything].mean() > hardness:
        while high - low > 1:
            middle = (low + high) // 2
            chosen = take(limits[middle])
            harder = scores[chosen].mean() >= hardness if chosen.any() else False
            low, high = (low, middle) if harder else (middle, high)
        chosen = take(limits[high])
    return (
        float(rankings.hidden[chosen].mean()),
        float(scores[chosen].mean()),
        float((chosen.sum(axis=1) == WANTED).mean()),
        float(rankings.hidden[everything].mean()),
        float(scores[everything].mean()),
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--quality-only", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        collections = []
        for folder in options.folders:
            place = (options.keep or Path(scratch)) / folder.name
            collections.append(Collection(folder, place))
        print_table(
            "nDCG@10",
            ["collection", "dense", "BM25", "fused"],
            [
                (one.folder.name, *(f"{value:.3f}" for value in one.quality().values()))
                for one in collections
            ],
        )
        for what, title in (("one", "One positive visible"), ("half", "Half of them visible")):
            if options.quality_only:
                break
            print_table(
                f"{title}: hidden positives among the 15 negatives, at their mean cosine",
                COLUMNS,
                [
                    (
                        one.folder.name,
                        name,
                        f"{100 * row[0]:.2f}",
                        f"{row[1]:.3f}",
                        f"{100 * row[2]:.1f}",
                        f"{100 * row[3]:.2f}",
                        f"{row[4]:.3f}",
                    )
                    for one in collections
                    for name, row in compare(one, what).items()
                ],
            )


if __name__ == "__main__":
    main()
