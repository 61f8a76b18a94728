"""What a fine-tuning benchmark trains on and is judged by: visible and hidden positives, negatives.

What is mined is a folder in BEIR layout that holds the training queries alone, with their visible
positives. The hidden ones are known to nothing but the oracles and the count of false negatives.
"""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hn_assets import mine_hard_negatives
from hn_assets.mining.holdout import cross_validation
from hn_assets.mining.relevance.prior import RelevancePrior
from hn_assets.mining.rules.sampling import hash_ids

PER_EXAMPLE = 2  # negatives of the 15 that an example is trained with
WANTED, DEPTH = 15, 210
RANDOM, HN_MINE = "random documents", "hn_mine's window"
METHODS: dict[str, dict[str, Any]] = {
    HN_MINE: {
        "mining": {
            "range_min": 10,
            "range_max": DEPTH,
            "range_counts": "including_positives",
            "sampling": "random",
        }
    },
    "95 % of the mean positive": {
        "mining": {"range_min": 0, "range_max": DEPTH, "sampling": "top"},
        "filters": {"relative_margin": 0.05},
    },
    "hn_assets, target 0.01": {"filters": {"target_false_negative_rate": 0.01}},
}
ORACLE, HN_MINE_ORACLE = f"oracle: the {WANTED} hardest", "oracle: hn_mine's window"


class Data:
    """Texts and judgements of a BEIR folder; passages with their titles.

    A folder without train qrels is split: half of its queries, by hash, are the test.

    Args:
        folder: The folder.
        one_positive: Whether all positives of a training query but one are hidden.

    Attributes:
        passages: Texts of the documents by id.
        queries: Texts of the queries by id.
        positives: The visible positives of the training queries.
        hidden: Those that nothing but an oracle knows.
        test: The judgements of the test queries, all of them.
    """

    def __init__(self, folder: Path, *, one_positive: bool) -> None:
        self.folder = folder
        with (folder / "corpus.jsonl").open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        self.passages = {r["_id"]: f"{r.get('title', '')} {r['text']}".strip() for r in rows}
        with (folder / "queries.jsonl").open(encoding="utf-8") as file:
            self.queries = {r["_id"]: r["text"] for r in map(json.loads, file)}
        self.test = _read_qrels(folder / "qrels/test.tsv")
        if (folder / "qrels/train.tsv").exists():
            train = _read_qrels(folder / "qrels/train.tsv")
        else:
            asked = pd.unique(self.test.query_id)
            is_train = dict(zip(asked, hash_ids(list(asked), 0) % 2 == 0, strict=True))
            chosen = self.test.query_id.map(is_train).to_numpy(bool)
            train, self.test = self.test[chosen], self.test[~chosen]
        relevant = train[train.relevance > 0]
        known = {str(query): sorted(found.doc_id) for query, found in relevant.groupby("query_id")}
        self.positives = {
            query: _first_by_hash(query, docs) if one_positive else docs
            for query, docs in known.items()
        }
        self.hidden = {q: set(docs) - set(self.positives[q]) for q, docs in known.items()}

    def searched(self, most: int | None) -> list[str]:
        """Ids of the documents that the test searches: relevant ones, and `most` others by hash."""
        if most is None:
            return list(self.passages)
        relevant = set(self.test.doc_id[self.test.relevance > 0])
        others = [one for one in self.passages if one not in relevant]
        order = np.argsort(hash_ids(others, 2), kind="stable")[:most]
        return [*sorted(relevant), *(others[place] for place in order)]

    def write_visible(self, place: Path) -> Path:
        """Write what mining may know into a folder in BEIR layout, and return that folder."""
        raw = place / "visible"
        (raw / "qrels").mkdir(parents=True, exist_ok=True)
        (raw / "corpus.jsonl").unlink(missing_ok=True)
        (raw / "corpus.jsonl").symlink_to((self.folder / "corpus.jsonl").resolve())
        rows = [{"_id": query, "text": self.queries[query]} for query in self.positives]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (raw / "queries.jsonl").write_text(text, encoding="utf-8")
        pairs = [(query, doc, 1) for query, docs in self.positives.items() for doc in docs]
        table = pd.DataFrame(pairs, columns=["query-id", "corpus-id", "score"])
        table.to_csv(raw / "qrels/train.tsv", sep="\t", index=False)
        return raw


def _first_by_hash(query: str, docs: list[str]) -> list[str]:
    return [docs[int(np.argmin(hash_ids((f"{query} {doc}" for doc in docs), 0)))]]


def _read_qrels(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, sep="\t", dtype=str)
    table.columns = ["query_id", "doc_id", "relevance"]
    return table.assign(relevance=table.relevance.astype(int))


@dataclass(frozen=True)
class Negatives:
    """The negatives of a method.

    Attributes:
        of_query: Ids of documents by query.
        mean_cosine: Of all that were mined, with their query; None if they were drawn at random.
    """

    of_query: dict[str, list[str]]
    mean_cosine: float | None

    def hidden_share(self, data: Data) -> float:
        """Which share of them are hidden positives."""
        wrong = sum(len(data.hidden[q] & set(docs)) for q, docs in self.of_query.items())
        return wrong / sum(map(len, self.of_query.values()))

    def of_queries(self, most: int | None) -> "Negatives":
        """Those of so many queries at most, chosen by hash; of all if it is None."""
        if most is None:
            return self
        ids = list(self.of_query)
        order = np.argsort(hash_ids(ids, 1), kind="stable")[:most]
        return replace(self, of_query={ids[place]: self.of_query[ids[place]] for place in order})


def mine_all(keep: Path, data: Data, prior: Path | None = None) -> dict[str, Negatives]:
    """The negatives of each method; kept in a file, and not mined again.

    All methods are of the same queries, so that only the negatives differ.

    Args:
        keep: The folder of that file, and of what mining keeps.
        data: What is mined.
        prior: The file of a prior of relevance; None for the one that ships.
    """
    kept = keep / "negatives.json"
    if not kept.exists():
        if prior is not None:
            other = RelevancePrior.model_validate_json(prior.read_text(encoding="utf-8"))
            cross_validation.shipped_prior = lambda **_: other
        found = _mine_all(keep, data)
        kept.write_text(json.dumps({name: vars(one) for name, one in found.items()}))
    return {name: Negatives(**one) for name, one in json.loads(kept.read_text()).items()}


def _mine_all(keep: Path, data: Data) -> dict[str, Negatives]:
    raw = data.write_visible(keep)
    tables: dict[str, pd.DataFrame] = {}
    for method, settings in METHODS.items():
        mining = {"evaluation_split": "", "num_negatives": WANTED, **settings.get("mining", {})}
        mined = mine_hard_negatives(raw, settings={**settings, "mining": mining}, folder=keep)
        tables[method] = mined.negatives[["query_id", "doc_id", "score"]]
        print(method, mined.report["hard_negatives"]["plan"], flush=True)
        if method == HN_MINE:
            tables[HN_MINE_ORACLE] = _without(tables[method], data.hidden)
            assert mined.folder is not None
            ranked = pd.read_parquet(mined.folder / "candidates/latest/candidates.parquet")
            tables[ORACLE] = _hardest(ranked, data)
    shared = sorted(
        set.intersection(
            *(set(n.index[n >= PER_EXAMPLE]) for n in map(_count_by_query, tables.values()))
        )
    )
    found = {RANDOM: Negatives(_random(data, shared), None)}
    for method, table in tables.items():
        own = table[table.query_id.isin(shared)]
        of_query = {str(q): list(group.doc_id) for q, group in own.groupby("query_id")}
        found[method] = Negatives(of_query, float(own.score.mean()))
    return found


def _count_by_query(table: pd.DataFrame) -> pd.Series:
    return table.groupby("query_id").size()


def _without(table: pd.DataFrame, documents: dict[str, set[str]]) -> pd.DataFrame:
    """The rows of a table whose document is none of its query's."""
    kept = [d not in documents[q] for q, d in zip(table.query_id, table.doc_id, strict=True)]
    return table[kept]


def _hardest(ranked: pd.DataFrame, data: Data) -> pd.DataFrame:
    """The best ranked candidates that are no positives, neither visible nor hidden."""
    all_positives = {q: data.hidden[q] | set(docs) for q, docs in data.positives.items()}
    left = _without(ranked.sort_values(["query_id", "rank"]), all_positives)
    return left.groupby("query_id").head(WANTED)


def _random(data: Data, queries: Iterable[str]) -> dict[str, list[str]]:
    ids, chance = sorted(data.passages), random.Random(0)
    spare = WANTED + max(map(len, data.positives.values()))
    return {
        query: [d for d in chance.sample(ids, spare) if d not in data.positives[query]][:WANTED]
        for query in queries
    }
