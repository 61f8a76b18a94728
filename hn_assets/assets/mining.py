"""How a graph's candidates are mined, for the stage that mines and the one that makes a shortlist.

What is chosen must be the same for both, so both start here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hn_assets import stages as s
from hn_assets.assets.graph import Graph
from hn_assets.assets.inputs import Mine, open_mine, read_calibration, read_inputs
from hn_assets.assets.step import Step
from hn_assets.mining.collection import Pairs
from hn_assets.mining.likeness import holders, near_duplicates, of_queries, read_answers
from hn_assets.mining.mine import Deeper, Miner
from hn_assets.mining.plan import Plan, make_plan
from hn_assets.mining.pool import Pool
from hn_assets.mining.reasons import Reason
from hn_assets.mining.settings import MiningSettings, NegativesSettings
from hn_assets.mining.teacher import TeacherScores
from hn_assets.mining.texts import read_passages
from hn_assets.search.index import (
    IDS_FILE,
    INDEX_FILE,
    apply_search_parameters,
    is_flat,
    open_index,
)
from hn_assets.search.ranking import Searcher, query_blocks
from hn_assets.search.settings import SearchSettings
from hn_assets.sources.files import fingerprint_files


def rules(negatives: NegativesSettings) -> dict[str, Any]:
    """The settings of `negatives` that mining depends on, as JSON.

    Verdicts of a person are obeyed by the qrels, so mining depends on those alone.
    """
    return negatives.model_dump(mode="json", exclude={"reviewed"})


@dataclass(frozen=True)
class Digging:
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
    def start(cls, graph: Graph, step: Step, settings: MiningSettings) -> "Digging":
        """Look at the inputs, and tell the step that it depends on them and on the settings."""
        negatives = graph.settings.negatives
        files = read_inputs(step)
        index = step.input(s.FAISS_INDEX, INDEX_FILE), step.input(s.FAISS_INDEX, IDS_FILE)
        plan = make_plan(settings, negatives, read_calibration(graph, step))
        answers = graph.base / Path(negatives.answers).expanduser() if negatives.answers else None
        step.depends_on(
            mining=settings.model_dump(mode="json"),
            negatives=rules(negatives),
            answers=fingerprint_files([answers]) if answers else None,
        )
        return cls(graph, settings, plan, files, index, answers)

    def open(self) -> Mine:
        """The dataset as numbers."""
        return open_mine(self.graph, self.files, self.settings.split)

    def shortlisting(self, count: int) -> "Digging":
        """The same, as if so many negatives were wanted."""
        sampling = replace(self.plan.sampling, count=count)
        return replace(self, plan=replace(self.plan, sampling=sampling))

    def miner(
        self,
        mine: Mine,
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
            blocked=_blocked(mine, self.files[s.CORPUS], self.answers, self.plan.filters),
            deeper=_searches(mine, self.index, self.graph.settings.search) if filters else None,
            teacher=teacher,
        )


def _blocked(
    mine: Mine, corpus: Path, answers: Path | None, negatives: NegativesSettings
) -> dict[Reason, Pairs]:
    """The documents that filters of texts reject, by reason."""

    def texts() -> Iterator[str]:
        return (text for _, text in read_passages(corpus, with_title=mine.with_title))

    out: dict[Reason, Pairs] = {}
    if negatives.near_duplicate is not None:
        positives = np.unique(mine.collection.positives.documents)
        near = near_duplicates(texts, positives, negatives.near_duplicate)
        out[Reason.NEAR_DUPLICATE] = of_queries(mine.collection.positives, near)
    if answers is not None:
        ids = mine.collection.query_ids.to_pylist()
        out[Reason.ANSWER] = holders(texts(), read_answers(answers), ids)
    return out


def _searches(mine: Mine, index_files: tuple[Path, Path], settings: SearchSettings) -> Deeper:
    """A function that searches some queries again; the index is opened when it is first needed."""
    made: list[Searcher] = []

    def searcher() -> Searcher:
        if not made:
            index = open_index(*index_files, mine.documents)
            apply_search_parameters(index, settings.search_parameters)
            made.append(Searcher(index, mine.documents, is_exact=is_flat(index)))
        return made[0]

    def deeper(queries: NDArray[np.int64], depth: int) -> Pool:
        dimension = mine.queries.dimension
        found = [
            searcher().find(mine.queries.take(queries[places]), depth)
            for places in query_blocks(len(queries), depth, dimension, settings.memory_mb)
        ]
        rows, scores = (np.concatenate(part) for part in zip(*found, strict=True))
        return Pool(queries, rows, scores)

    return deeper
