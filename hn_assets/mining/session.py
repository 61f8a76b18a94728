"""Mine a dataset from the files of its stages: the entry for the pipeline and for notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.cluster.ray_cluster import RayCluster
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.filters.all_filters import active_filters
from hn_assets.filters.base.filter import Filter, FilterInputs
from hn_assets.mining.data.candidate_block import CandidateBlock, read_candidate_blocks
from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.mining.data.teacher_scores import TeacherScores
from hn_assets.mining.data.text_numbers import number_texts, read_passages
from hn_assets.mining.deeper_budget import share_within_budget
from hn_assets.mining.deeper_search import SearchDeeper, deepen_for_positives, deeper_search
from hn_assets.mining.holdout.audit import Audit, audit
from hn_assets.mining.holdout.calibration import Calibration, calibrate
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.mine_blocks import mine_blocks
from hn_assets.mining.miner import Miner
from hn_assets.mining.output.chosen_negatives import ChosenNegatives
from hn_assets.mining.output.mining_report import MiningReport
from hn_assets.mining.output.shortlist import read_shortlist_texts, to_shortlist
from hn_assets.mining.plan import Plan, make_plan, planned_calibration
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.settings.retrievers import OWN_ENCODER
from hn_assets.settings.search import SearchSettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets.store import schemas

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class MiningSession:
    """A dataset that was read and can be mined, calibrated and audited; make it with `open`.

    Attributes:
        files: The files it was read from.
        mining: The settings of mining.
        filters: The settings of the filters.
        search: The settings of the search, for searches that go deeper.
        teacher: The settings of the teacher; None without a teacher.
        calibration: What calibration found; None if there is none, or not yet.
        include_title: Whether a passage's text begins with its title, as the model read it.
        base: The folder that relative paths of the settings start from.
        own_retriever: What the dataset's own encoder is called among the retrievers; None if it is
            none of them, so that no search can go deeper.
        lexical_retrievers: The retrievers that rank by words, for the model of relevance.
        dataset: Documents, queries and judgements as numbers.
        queries: The vectors of the queries.
        documents: The vectors of the documents.
    """

    files: MiningFiles
    mining: MiningSettings
    filters: FiltersSettings
    search: SearchSettings
    teacher: TeacherSettings | None
    calibration: Calibration | None
    include_title: bool
    base: Path
    own_retriever: str | None
    lexical_retrievers: tuple[str, ...]
    dataset: IndexedDataset
    queries: VectorTable
    documents: VectorTable

    @classmethod
    def open(
        cls,
        files: MiningFiles,
        *,
        mining: MiningSettings,
        filters: FiltersSettings,
        search: SearchSettings,
        teacher: TeacherSettings | None = None,
        calibration: Calibration | None = None,
        include_title: bool,
        base: Path = Path(),
        own_retriever: str | None = OWN_ENCODER,
        lexical_retrievers: tuple[str, ...] = (),
    ) -> MiningSession:
        """Read a dataset.

        Args:
            files: The files of its stages.
            mining: Which queries are mined, from which ranks, and how many negatives they get.
            filters: Which candidates may be negatives.
            search: How the index is searched if a query needs more candidates.
            teacher: The limits of the teacher's scores; None without a teacher.
            calibration: What `calibrate` found; needed to mine and to audit if the filters name a
                target rate.
            include_title: Whether a passage's text begins with its title, as the model read it.
            base: The folder that relative paths of the settings start from.
            own_retriever: What the dataset's own encoder is called among the retrievers, if it is.
            lexical_retrievers: The retrievers that rank by words.

        Raises:
            StoreError: The files are of different versions and do not fit together.
            MiningError: No query of the split has a positive.
        """
        import pandas as pd

        queries = VectorTable(files.query_embeddings)
        documents = VectorTable(files.corpus_embeddings)
        texts = number_texts(
            files.corpus,
            files.queries,
            include_title=include_title,
            document_ids=documents.ids,
            query_ids=queries.ids,
        )
        dataset = IndexedDataset.build(
            documents.ids,
            queries.ids,
            texts,
            pd.read_parquet(files.queries, columns=["id", "split"]),
            pd.read_parquet(files.qrels),
            mining.split,
        )
        return cls(
            files=files,
            mining=mining,
            filters=filters,
            search=search,
            teacher=teacher,
            calibration=calibration,
            include_title=include_title,
            base=base,
            own_retriever=own_retriever,
            lexical_retrievers=lexical_retrievers,
            dataset=dataset,
            queries=queries,
            documents=documents,
        )

    @cached_property
    def plan(self) -> Plan:
        """What mining does, with every default resolved.

        Raises:
            ValueError: The filters name a target rate, and there is no calibration.
        """
        return make_plan(self.mining, self.filters, self.calibration)

    @cached_property
    def retrievers(self) -> tuple[str, ...]:
        """The retrievers whose finds were joined; none if the encoder alone has ranked."""
        return tuple(schemas.rank_columns(pq.read_schema(self.files.candidates).names))

    def mine(
        self, ledger: Path, connect: Callable[[], RayCluster] | None = None
    ) -> tuple[ChosenNegatives, MiningReport]:
        """Choose the negatives of every mined query.

        Args:
            ledger: The file to write what became of every candidate to, block by block, with the
                columns of `schemas.joined_ledger`.
            connect: Connects to the cluster whose nodes mine; None if this process does. What
                comes of it is the same.

        Returns:
            The negatives, and what came of mining.

        Raises:
            MiningError: No query has a negative, or queries have too few and `mining.on_shortage`
                is `error`.
            ClusterError: The cluster cannot be used, or is lost.
            ValueError: There is a teacher, and no file of its scores.
        """
        miner = self.miner()
        chosen: list[pa.Table] = []
        schema = schemas.joined_ledger(self.retrievers)
        with pq.ParquetWriter(ledger, schema, compression="zstd") as writer:
            for mined in mine_blocks(miner, self._blocks_to_mine(), self.files, connect):
                for table in mined.ledger:
                    writer.write_table(table)
                chosen += mined.negatives
                miner.counts.join(mined.counts)
        report = miner.report()
        return ChosenNegatives(chosen, self.dataset, miner.positive_scores), report

    def miner(self) -> Miner:
        """What mines by the plan and the limits of the teacher.

        Raises:
            ValueError: There is a teacher, and no file of its scores.
        """
        teacher = None
        filters = self._prepared_filters()
        if self.teacher is not None:
            if self.files.teacher_scores is None:
                raise ValueError("mining with a teacher needs the file of its scores")
            teacher = TeacherScores(self.files.teacher_scores, self.dataset)
            filters += active_filters(self.teacher)
        return self._miner(self.plan, filters, self.mining.on_shortage, teacher)

    def calibrate(self) -> Calibration:
        """Find the threshold for the target rate of the filters."""
        method = planned_calibration(self.mining, self.filters)
        return calibrate(self._holdout(min_positives=1), method)

    def audit(self) -> Audit:
        """Hide known positives to see how many the plan, and other methods, would mine."""
        return audit(
            self._holdout(min_positives=2), self.plan.method, calibrated=self.plan.is_calibrated
        )

    def shortlist(
        self, count: int, connect: Callable[[], RayCluster] | None = None
    ) -> pd.DataFrame:
        """What a teacher is to score: the positives, and the negatives if `count` were wanted.

        Args:
            count: How many negatives of each query.
            connect: Connects to the cluster whose nodes mine; None if this process does.

        Returns:
            A table with the columns query_id, doc_id and label (1 for a positive), sorted by
            query id, positives first, then by document id.
        """
        miner = self._miner(self.plan.shortlist(count), self._prepared_filters())
        blocks = self._blocks_to_mine()
        mined = mine_blocks(miner, blocks, self.files, connect, with_ledger=False)
        return to_shortlist((table for one in mined for table in one.negatives), self.dataset)

    def texts_of(self, shortlist: pd.DataFrame) -> list[tuple[str, str]]:
        """The texts of a shortlist in its order: of the query, and of the passage as encoded."""
        return read_shortlist_texts(
            shortlist,
            corpus=self.files.corpus,
            queries=self.files.queries,
            include_title=self.include_title,
        )

    def _candidate_blocks(self, wanted: NDArray[np.bool_]) -> Iterator[CandidateBlock]:
        return read_candidate_blocks(self.files.candidates, self.dataset, wanted=wanted)

    def _blocks_to_mine(self) -> Iterator[CandidateBlock]:
        """The candidates, deeper for queries with more positives than the rankings allow for."""
        blocks = read_candidate_blocks(self.files.candidates, self.dataset, all_mined=True)
        search = self._search_deeper
        if self.search.depth is not None or not self.plan.excluding_positives or search is None:
            return blocks
        return deepen_for_positives(blocks, self.dataset.positives, self.plan.end, search)

    @cached_property
    def _search_deeper(self) -> SearchDeeper | None:
        return deeper_search(
            self.files,
            self.queries,
            self.documents,
            self.search,
            retrievers=self.retrievers,
            own=self.own_retriever,
        )

    def _holdout(self, min_positives: int) -> Holdout:
        return Holdout(
            self._candidate_blocks,
            self.dataset,
            self.queries,
            self.documents,
            seed=self.mining.seed,
            min_positives=min_positives,
            lexical_retrievers=self.lexical_retrievers,
        )

    def _prepared_filters(self) -> list[Filter[Any]]:
        """The active filters of the plan, which have read what they need of the dataset."""
        queries = self.files.queries
        inputs = FilterInputs(
            base=self.base,
            query_ids=self.queries.ids,
            query_texts=lambda: (row["text"] for row in schemas.read_rows(queries, ["text"])),
            positive_queries=self.dataset.positives.queries(),
            positive_documents=self.dataset.positives.documents,
            texts=lambda: (
                text
                for _, text in read_passages(self.files.corpus, include_title=self.include_title)
            ),
        )
        filters = active_filters(self.plan.filters)
        for one in filters:
            one.prepare(inputs)
        return filters

    def _miner(
        self,
        plan: Plan,
        filters: list[Filter[Any]],
        on_shortage: Literal["keep", "drop", "error"] = "keep",
        teacher: TeacherScores | None = None,
    ) -> Miner:
        search = self._search_deeper if plan.filters.has_active_filters else None
        miner = Miner(
            self.dataset,
            self.queries,
            self.documents,
            plan,
            seed=self.mining.seed,
            on_shortage=on_shortage,
            filters=filters,
            search_deeper=search,
            teacher=teacher,
            lexical_retrievers=self.lexical_retrievers,
        )
        if search is not None and teacher is None:  # of what it scored, the budget has decided
            miner.deeper_share = share_within_budget(
                self._candidate_blocks,
                miner.count_short,
                miner.deeper_keys,
                self.dataset.mined,
                candidates=pq.read_metadata(self.files.candidates).num_rows / len(self.queries),
                max_depth=min(plan.filters.max_search_depth, len(self.documents)),
                budget=plan.filters.deeper_search_budget,
            )
        return miner
