"""A small dataset whose ranking is known, and vectors in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors
from hn_assets.filters.all_filters import active_filters
from hn_assets.filters.base.filter import Filter
from hn_assets.ids import Ids
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import IndexedDataset, Texts
from hn_assets.mining.data.teacher_scores import TeacherScores
from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.miner import Miner
from hn_assets.mining.output.mining_report import MiningReport
from hn_assets.mining.output.mining_result import MiningResult
from hn_assets.mining.plan import make_plan
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets.store import schemas


class VectorsInMemory:
    """Vectors with ids that no file holds."""

    def __init__(self, ids: Sequence[str], vectors: Vectors) -> None:
        self.ids = Ids(ids)
        self.vectors = np.asarray(vectors, np.float32)
        self.dimension = self.vectors.shape[1]

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self) -> Iterator[Vectors]:
        yield self.vectors

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        return self.vectors[rows]


@dataclass(frozen=True)
class Teacher:
    """What a teacher said, and the filters that its limits make."""

    scores: TeacherScores
    filters: list[Filter]


class RankedDataset:
    """Documents d0, d1, ... ranked in that order for each query q0, q1, ...; every text its own.

    The cosine of dN to every query is 1 - N / 100; d2 is the positive.
    """

    def __init__(self, queries: int = 1, documents: int = 10, depth: int | None = None) -> None:
        angle = np.arccos(1 - np.arange(documents) / 100)
        vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self.document_vectors = VectorsInMemory([f"d{i}" for i in range(documents)], vectors)
        self.query_vectors = VectorsInMemory(
            [f"q{i}" for i in range(queries)], np.array([[1.0, 0.0]] * queries)
        )
        self.texts = Texts(1000 + np.arange(documents), 10 + np.arange(queries), empty=0)
        self.queries = pd.DataFrame({"id": self.query_vectors.ids, "split": "train"})
        self.qrels = pd.DataFrame(
            [
                {"query_id": q, "doc_id": "d2", "score": 1, "split": "train"}
                for q in self.query_vectors.ids
            ]
        )
        self.depth = depth or documents

    def judge(self, query: str, document: str, score: int, split: str = "train") -> None:
        self.qrels.loc[len(self.qrels)] = [query, document, score, split]

    @property
    def indexed(self) -> IndexedDataset:
        return IndexedDataset.build(
            self.document_vectors.ids,
            self.query_vectors.ids,
            self.texts,
            self.queries,
            self.qrels,
            "train",
        )

    def block(self, depth: int | None = None) -> CandidateBlock:
        scores = self.query_vectors.vectors @ self.document_vectors.vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, : depth or self.depth]
        return CandidateBlock(
            np.arange(len(self.query_vectors)), order, np.take_along_axis(scores, order, 1)
        )

    def miner(
        self,
        filters: FiltersSettings | None = None,
        *,
        teacher: Teacher | None = None,
        calibration: Calibration | None = None,
        prepared: Sequence[Filter] | None = None,
        **options: object,
    ) -> Miner:
        """A miner by these settings, with the best ranked taken if nothing else is said.

        Args:
            filters: The settings of the filters.
            teacher: From `teacher`.
            calibration: Needed if the filters name a target rate.
            prepared: Filters that have read the dataset; by default those of the settings.
            options: Settings of `mining`.
        """
        settings = MiningSettings.model_validate({"sampling": "top", **options})
        filters = filters or FiltersSettings()
        chosen = list(active_filters(filters) if prepared is None else prepared)

        def search_deeper(block: CandidateBlock, depth: int) -> CandidateBlock:
            return self.block(depth).take(block.queries)

        return Miner(
            self.indexed,
            self.query_vectors,
            self.document_vectors,
            make_plan(settings, filters, calibration),
            seed=settings.seed,
            on_shortage=settings.on_shortage,
            filters=[*chosen, *(teacher.filters if teacher else [])],
            search_deeper=search_deeper if filters.has_active_filters else None,
            teacher=teacher.scores if teacher else None,
        )

    def teacher(self, folder: Path, scores: dict[str, float], **limits: float) -> Teacher:
        """What a teacher said of documents, of every query alike."""
        relevant = self.qrels[self.qrels.score > 0]
        positives = set(zip(relevant.query_id, relevant.doc_id, strict=True))
        rows = [
            {"query_id": q, "doc_id": d, "label": int((q, d) in positives), "score": score}
            for q in self.query_vectors.ids
            for d, score in scores.items()
        ]
        path = folder / "teacher_scores.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=schemas.TEACHER_SCORES), path)
        settings = TeacherSettings.model_validate({"model": "any", **limits})
        return Teacher(TeacherScores(path, self.indexed), active_filters(settings))

    def mine_all(
        self, filters: FiltersSettings | None = None, **options: Any
    ) -> list[MiningResult]:
        miner = self.miner(filters, **options)
        block = self.block()
        return list(miner.mine(block.take(self.indexed.mined[block.queries])))

    def mine(
        self,
        filters: FiltersSettings | None = None,
        *,
        teacher: Teacher | None = None,
        **options: Any,
    ) -> tuple[dict[str, list[str]], MiningReport]:
        """The ids of the negatives by query id, and the report."""
        miner = self.miner(filters, teacher=teacher, **options)
        dataset, block = self.indexed, self.block()
        found: dict[str, list[str]] = {}
        # one query at a time: how they are cut into blocks must not matter
        for row in np.flatnonzero(dataset.mined[block.queries]):
            for mined in miner.mine(block.take(np.array([row]))):
                for place, query in enumerate(mined.block.queries):
                    names = [self.document_vectors.ids[d] for d in mined.block.documents[place]]
                    chosen = [n for n, c in zip(names, mined.chosen[place], strict=True) if c]
                    if chosen:
                        found[self.query_vectors.ids[query]] = chosen
        return found, miner.report()


def write_candidates(dataset: RankedDataset, path: Path) -> CandidateBlock:
    """Write the ranking of all queries as the stage candidates does."""
    block = dataset.block()
    rows, ranks = np.nonzero(block.documents >= 0)
    table = pa.table(
        [
            pa.array([dataset.query_vectors.ids[row] for row in rows]),
            pa.array([dataset.document_vectors.ids[d] for d in block.documents[rows, ranks]]),
            pa.array(ranks, pa.int32()),
            pa.array(block.scores[rows, ranks], pa.float32()),
        ],
        schema=schemas.CANDIDATES,
    )
    pq.write_table(table, path)
    return block


def write_ids(dataset: RankedDataset, folder: Path) -> dict[str, Path]:
    """Write the ids of documents and queries; the files are named `corpus` and `queries`."""
    vectors = {"corpus": dataset.document_vectors, "queries": dataset.query_vectors}
    files = {name: folder / f"{name}.parquet" for name in vectors}
    for name, path in files.items():
        pq.write_table(pa.table({"id": vectors[name].ids.column}), path)
    return files
