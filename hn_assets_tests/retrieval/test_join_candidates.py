"""What several retrievers found, as one ranking, beside the same written down in plain Python."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter
from hn_assets.errors import StoreError
from hn_assets.retrieval import read_rankings
from hn_assets.retrieval.join_candidates import join_candidates
from hn_assets.retrieval.join_report import JOINED, JoinReport
from hn_assets.retrieval.searcher import Searcher
from hn_assets.settings.search import RECIPROCAL_RANK_FUSION
from hn_assets.store import schemas

QUERIES, DOCUMENTS, DEPTH = 5, 40, 8
Ranked = Mapping[str, Sequence[str]]  # the documents of each query, best first


def write_vectors(path: Path, prefix: str, count: int) -> VectorTable:
    """Vectors with few directions, so that there are many ties."""
    drawn = np.random.default_rng(count).integers(-1, 2, (count, 3)).astype(np.float32)
    writer = VectorWriter(path)
    writer.write([f"{prefix}{i}" for i in range(count)], [bytes(16)] * count, drawn)
    writer.close()
    return VectorTable(path)


def write_rankings(path: Path, ranked: Ranked, scores: Mapping[tuple[str, str], float]) -> None:
    rows = [
        {"query_id": query, "doc_id": doc, "rank": rank, "score": scores.get((query, doc), -rank)}
        for query, documents in ranked.items()
        for rank, doc in enumerate(documents)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.CANDIDATES), path)


class ThreeRetrievers:
    """The dataset's own encoder and two others, with their rankings in files."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder = folder
        self.documents = write_vectors(folder / "d.arrow", "d", DOCUMENTS)
        self.queries = write_vectors(folder / "q.arrow", "q", QUERIES)
        index = faiss.IndexFlatIP(self.documents.dimension)
        for block in self.documents.blocks():
            index.add(np.ascontiguousarray(block))  # type: ignore[call-arg]
        every, all_scores = Searcher(index, self.documents).find(
            self.queries.take(np.arange(QUERIES)), DOCUMENTS
        )
        ids = self.documents.ids
        self.score = {
            (f"q{query}", ids[row]): float(score)
            for query in range(QUERIES)
            for row, score in zip(every[query], all_scores[query], strict=True)
        }
        draw = np.random.default_rng(seed)
        self.ranked: dict[str, Ranked] = {
            "dense": {f"q{q}": [ids[row] for row in every[q, :DEPTH]] for q in range(QUERIES)},
            "bm25": {
                f"q{q}": [ids[row] for row in draw.permutation(DOCUMENTS)[: draw.integers(0, 9)]]
                for q in range(QUERIES)
            },
            # finds nothing for the first query and for the last
            "run": {f"q{q}": [ids[row] for row in draw.permutation(DOCUMENTS)[:3]] for q in (1, 3)},
        }
        for name, ranked in self.ranked.items():
            write_rankings(self.path(name), ranked, self.score if name == "dense" else {})
    def path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def join(
        self, names: Sequence[str] = ("dense", "bm25", "run"), **changes: Any
    ) -> tuple[pd.DataFrame, JoinReport]:
        options: dict[str, Any] = {
            "own": "dense" if "dense" in names else None,
            "order": RECIPROCAL_RANK_FUSION,
            "depth": DEPTH,
            "memory_mb": 16,
            "qrels": pd.DataFrame({"query_id": [], "doc_id": [], "score": [], "split": []}),
            "log": lambda line: None,
        }
        report = join_candidates(
            {name: self.path(name) for name in names},
            self.folder / "d.arrow",
            self.folder / "q.arrow",
            target=self.folder / "joined.parquet",
            **{**options, **changes},
        )
        return pd.read_parquet(self.folder / "joined.parquet"), report

    def expected(self, names: Sequence[str], order: str) -> list[tuple[str, str]]:
        """The pairs in the joined order, by the definition."""
        pairs: list[tuple[str, str]] = []
        for query in self.queries.ids:
            ranks = {
                name: {doc: rank for rank, doc in enumerate(self.ranked[name].get(query, []))}
                for name in names
            }

            def fused(doc: str, ranks: dict = ranks) -> Fraction:
                return sum(
                    (Fraction(1, 61 + r[doc]) for r in ranks.values() if doc in r), Fraction()
                )

            def key(doc: str, ranks: dict = ranks, query: str = query, fused: Any = fused) -> Any:
                if order == RECIPROCAL_RANK_FUSION:
                    return (-fused(doc), doc)
                if order == "dense":
                    return (-self.score[query, doc], doc)
                return (ranks[order].get(doc, DOCUMENTS), -fused(doc), doc)

            union = {doc for found in ranks.values() for doc in found}
            pairs += [(query, doc) for doc in sorted(union, key=key)]
        return pairs


@pytest.mark.parametrize("order", [RECIPROCAL_RANK_FUSION, "dense", "bm25", "run"])
@settings(max_examples=5)
@given(seed=st.integers(0, 50))
def test_the_union_is_ordered_as_the_definition_says(
    tmp_path_factory: pytest.TempPathFactory, order: str, seed: int
) -> None:
    three = ThreeRetrievers(tmp_path_factory.mktemp("three"), seed)
    found, _ = three.join(order=order)
    names = list(three.ranked)
    assert list(zip(found.query_id, found.doc_id, strict=True)) == three.expected(names, order)
    for _, rows in found.groupby("query_id"):
        assert rows["rank"].tolist() == list(range(len(rows)))
    for name in names:
        seen = found[found[f"{name}_rank"].notna()]
        kept = {
            query: rows.sort_values(f"{name}_rank").doc_id.tolist()
            for query, rows in seen.groupby("query_id")
        }
        assert kept == {query: list(docs) for query, docs in three.ranked[name].items() if docs}
        assert (found[f"{name}_rank"].notna() == found[f"{name}_score"].notna()).all()


def test_the_score_of_every_candidate_is_what_the_search_gives_to_the_last_bit(
    tmp_path: Path,
) -> None:
    three = ThreeRetrievers(tmp_path)
    for names in (("dense", "bm25", "run"), ("bm25", "run")):
        found, report = three.join(names)
        pairs = zip(found.query_id, found.doc_id, strict=True)
        assert found.score.tolist() == [three.score[pair] for pair in pairs]
        computed = found.dense_rank.isna().sum() if "dense" in names else len(found)
        assert report.scored == computed > 0


def test_a_single_other_retriever_keeps_its_own_order(tmp_path: Path) -> None:
    three = ThreeRetrievers(tmp_path)
    found, _ = three.join(["bm25"])
    assert list(found.columns) == schemas.joined_candidates(["bm25"]).names
    assert (found["rank"] == found.bm25_rank).all()


def test_how_rankings_are_cut_for_reading_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = ThreeRetrievers(tmp_path)
    found, _ = three.join()
    monkeypatch.setattr(read_rankings, "ROWS_AT_ONCE", 3)
    # a query at a time
    monkeypatch.setattr("hn_assets.retrieval.ranking.MOST_QUERIES", 1)
    again, _ = three.join()
    pd.testing.assert_frame_equal(found, again)


def test_the_report_says_what_each_retriever_found_and_the_others_did_not(tmp_path: Path) -> None:
    three = ThreeRetrievers(tmp_path)
    positives = [("q1", doc) for doc in three.ranked["run"]["q1"]] + [("q0", "d0")]
    qrels = pd.DataFrame(positives, columns=["query_id", "doc_id"]).assign(score=1, split="train")
    found, report = three.join(qrels=qrels)
    by_name = {row["retriever"]: row for row in report.by_retriever()}
    ranks = found[[f"{name}_rank" for name in three.ranked]].notna()
    for name in three.ranked:
        own = ranks[f"{name}_rank"]
        assert by_name[name]["candidates"] == own.sum()
        assert by_name[name]["found by it alone"] == (own & (ranks.sum(axis=1) == 1)).sum()
    assert by_name["run"]["queries without candidates"] == 3
    recall = {row["retriever"]: row for row in report.recall()}
    # all three of q1, and none of q0
    assert recall["run"]["recall"] == 0.5 and recall["run"]["queries"] == 2
    assert report.recall_of_split("train") == recall[JOINED]["recall"] >= 0.5
    assert report.recall_of_split("test") is None
    assert report.figures()["dagster/row_count"] == len(found)


def test_rankings_of_other_queries_are_refused(tmp_path: Path) -> None:
    three = ThreeRetrievers(tmp_path)
    write_rankings(three.path("run"), {"q3": ["d1"], "q1": ["d2"]}, {})
    with pytest.raises(StoreError, match="run.parquet are in another order"):
        three.join()
    write_rankings(three.path("run"), {"q3": ["d99"]}, {})
    with pytest.raises(StoreError, match="document 'd99'"):
        three.join()
