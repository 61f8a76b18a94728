"""The rankings of three retrievers over a few vectors, and their union in plain Python."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter
from hn_assets.retrieval.join_candidates import join_candidates
from hn_assets.retrieval.join_report import JoinReport
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
        self.searcher = Searcher(index, self.documents)
        every, all_scores = self.searcher.find(self.queries.take(np.arange(QUERIES)), DOCUMENTS)
        ids = self.documents.ids
        self.score = {
            (f"q{query}", ids[row]): float(score)
            for query in range(QUERIES)
            for row, score in zip(every[query], all_scores[query], strict=True)
        }
        draw = np.random.default_rng(seed)
        self.ranked: dict[str, Ranked] = {
            "dense": self.dense(DEPTH),
            "bm25": {
                f"q{q}": [ids[row] for row in draw.permutation(DOCUMENTS)[: draw.integers(0, 9)]]
                for q in range(QUERIES)
            },
            # finds nothing for the first query and for the last
            "run": {f"q{q}": [ids[row] for row in draw.permutation(DOCUMENTS)[:3]] for q in (1, 3)},
        }
        for name in self.ranked:
            self.write(name)

    def dense(self, depth: int) -> Ranked:
        """The ranking of the encoder."""
        rows, _ = self.searcher.find(self.queries.take(np.arange(QUERIES)), depth)
        return {f"q{q}": [self.documents.ids[row] for row in rows[q]] for q in range(QUERIES)}

    def write(self, name: str) -> None:
        """Write the rankings of a retriever."""
        scores = self.score if name == "dense" else {}
        write_rankings(self.path(name), self.ranked[name], scores)

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
