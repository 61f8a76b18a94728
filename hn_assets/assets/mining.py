"""How a graph's candidates are mined, for the stage that mines and the one that makes a shortlist.

What is chosen must be the same for both, so both start here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hn_assets.assets.graph import Graph
from hn_assets.assets.inputs import LoadedDataset, load_dataset, read_calibration, read_inputs
from hn_assets.assets.step import Step
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.mining.data.text_ids import read_passages
from hn_assets.mining.miner import Deeper, Miner
from hn_assets.mining.plan import Plan, make_plan
from hn_assets.mining.rules.reasons import Reason
from hn_assets.mining.rules.teacher_filter import TeacherScores
from hn_assets.mining.rules.text_filters import (
    documents_with_answers,
    near_duplicates,
    near_duplicates_by_query,
    read_answers,
)
from hn_assets.retrieval.faiss_index import (
    IDS_FILE,
    INDEX_FILE,
    apply_search_parameters,
    is_flat,
    open_index,
)
from hn_assets.retrieval.searcher import Searcher, query_blocks
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.settings.search import SearchSettings
from hn_assets.sources.jsonl import fingerprint_files
from hn_assets.store import layout as s


def rules(negatives: FiltersSettings) -> dict[str, Any]:
    """The settings of `negatives` that mining depends on, as JSON.

    Verdicts of a person are obeyed by the qrels, so mining depends on those alone.
    """
    return negatives.model_dump(mode="json", exclude={"reviewed_labels"})


@dataclass(frozen=True)
class MiningSession:
    """What a step needs to mine; made once it is known what the step depends on.

    Attributes:
        graph: of the dataset.
        settings: of the run.
        plan: how negatives are chosen.
        files: of the stages `INPUTS`.
        index: files of the index and of its ids.
        answers: file of answers; None without that filter.
    """

    graph: Graph
    settings: MiningSettings
    plan: Plan
    files: dict[str, Path]
    index: tuple[Path, Path]
    answers: Path | None

    @classmethod
    def start(cls, graph: Graph, step: Step, settings: MiningSettings) -> "MiningSession":
        """Look at the inputs, and tell the step that it depends on them and on the settings."""
        filters = graph.settings.filters
        files = read_inputs(step)
        index = (
            step.input(s.FAISS_INDEX.stage, INDEX_FILE),
            step.input(s.FAISS_INDEX.stage, IDS_FILE),
        )
        plan = make_plan(settings, filters, read_calibration(graph, step))
        answers = graph.base / Path(filters.answers).expanduser() if filters.answers else None
        step.depends_on(
            mining=settings.model_dump(mode="json"),
            negatives=rules(filters),
            answers=fingerprint_files([answers]) if answers else None,
        )
        return cls(graph, settings, plan, files, index, answers)

    def open(self) -> LoadedDataset:
        """The dataset as numbers."""
        return load_dataset(self.graph, self.files, self.settings.split)

    def shortlisting(self, count: int) -> "MiningSession":
        """The same, as if so many negatives were wanted."""
        sampling = replace(self.plan.sampling, count=count)
        return replace(self, plan=replace(self.plan, sampling=sampling))

    def miner(
        self,
        mine: LoadedDataset,
        *,
        on_shortage: Literal["keep", "drop", "error"] = "keep",
        teacher: TeacherScores | None = None,
    ) -> Miner:
        """What mines it."""
        filters = self.plan.filters.filters
        return Miner(
            mine.collection,
            mine.queries,
            mine.documents,
            self.plan,
            seed=self.settings.seed,
            on_shortage=on_shortage,
            blocked=_blocked(mine, self.files[s.CORPUS.stage], self.answers, self.plan.filters),
            deeper=_searches(mine, self.index, self.graph.settings.search) if filters else None,
            teacher=teacher,
        )


def _blocked(
    mine: LoadedDataset, corpus: Path, answers: Path | None, filters: FiltersSettings
) -> dict[Reason, DocumentsByQuery]:
    """The documents that filters of texts reject, by reason."""

    def texts() -> Iterator[str]:
        return (text for _, text in read_passages(corpus, include_title=mine.include_title))

    out: dict[Reason, DocumentsByQuery] = {}
    if filters.near_duplicate_overlap is not None:
        positives = np.unique(mine.collection.positives.documents)
        near = near_duplicates(texts, positives, filters.near_duplicate_overlap)
        out[Reason.NEAR_DUPLICATE] = near_duplicates_by_query(mine.collection.positives, near)
    if answers is not None:
        ids = mine.collection.query_ids.to_pylist()
        out[Reason.ANSWER] = documents_with_answers(texts(), read_answers(answers), ids)
    return out


def _searches(
    mine: LoadedDataset, index_files: tuple[Path, Path], settings: SearchSettings
) -> Deeper:
    """A function that searches some queries again; the index is opened when it is first needed."""
    made: list[Searcher] = []

    def searcher() -> Searcher:
        if not made:
            index = open_index(*index_files, mine.documents)
            apply_search_parameters(index, settings.search_parameters)
            made.append(Searcher(index, mine.documents, is_exact=is_flat(index)))
        return made[0]

    def deeper(queries: NDArray[np.int64], depth: int) -> CandidateBlock:
        dimension = mine.queries.dimension
        found = [
            searcher().find(mine.queries.take(queries[places]), depth)
            for places in query_blocks(len(queries), depth, dimension, settings.memory_mb)
        ]
        rows, scores = (np.concatenate(part) for part in zip(*found, strict=True))
        return CandidateBlock(queries, rows, scores)

    return deeper
