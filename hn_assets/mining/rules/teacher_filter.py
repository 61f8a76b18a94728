"""What a teacher said of candidates, and which of them it takes for relevant."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hn_assets.errors import StoreError
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.mining.rules.reasons import Reason
from hn_assets.mining.rules.score_filters import REFERENCE, FilterDecisions, reference_scores
from hn_assets.settings.teacher import TeacherSettings


class TeacherScores:
    """The teacher's scores of a dataset.

    Args:
        path: Parquet file with the columns of `tables.TEACHER_SCORES`.
        collection: whose ids stand in it.
        settings: with the limits.

    Raises:
        StoreError: it scores a query or a document that the collection does not have.
    """

    def __init__(self, path: Path, collection: IndexedDataset, settings: TeacherSettings) -> None:
        import pandas as pd

        table = pd.read_parquet(path)
        self._settings = settings
        self._documents = len(collection.document_ids)
        queries = pd.Index(collection.query_ids.to_pylist(), dtype=object)
        documents = pd.Index(collection.document_ids.to_pylist(), dtype=object)
        asked = queries.get_indexer(pd.Index(table.query_id, dtype=object)).astype(np.int64)
        read = documents.get_indexer(pd.Index(table.doc_id, dtype=object)).astype(np.int64)
        if len(table) and min(asked.min(), read.min()) < 0:
            raise StoreError(
                "teacher_scores names a query or a document that is no longer there; materialize "
                "everything from candidates on"
            )
        keys = asked * self._documents + read
        order = np.argsort(keys)
        self._keys = keys[order]
        self._scores = table.score.to_numpy(np.float32)[order]
        self._scored = np.bincount(asked, minlength=len(queries))
        positives = collection.positives
        of_positives = self._find(positives.queries(), positives.documents)
        self._references = reference_scores(positives, of_positives)

    def find(self, block: CandidateBlock) -> NDArray[np.float32]:
        """Scores of candidates; NaN where there is none."""
        found = self._find(
            np.repeat(block.queries[:, None], block.depth, axis=1).ravel(), block.documents.ravel()
        )
        return found.reshape(block.documents.shape)

    def has_more(self, block: CandidateBlock, scores: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Whether documents of each query were scored that are not in the block."""
        return self._scored[block.queries] > np.isfinite(scores).sum(axis=1)

    def apply(
        self,
        judged: FilterDecisions,
        block: CandidateBlock,
        scores: NDArray[np.float32],
        judged_irrelevant: NDArray[np.bool_],
        margin_against: str,
    ) -> None:
        """Reject what has no score, and by the limits of the settings.

        Args:
            judged: is changed.
            block: the candidates.
            scores: from `find`.
            judged_irrelevant: judged not relevant by a person: the teacher is not asked.
            margin_against: which score of the positives the margin is measured from.
        """
        limits = self._settings
        judged.reject(Reason.NOT_SCORED, np.isnan(scores))
        if limits.max_score is not None:
            above = ~judged_irrelevant & (scores > limits.max_score)
            judged.reject(Reason.TEACHER_MAX_SCORE, above, scores, limits.max_score)
        if limits.min_score is not None:
            judged.reject(
                Reason.TEACHER_MIN_SCORE, scores < limits.min_score, scores, limits.min_score
            )
        if limits.margin is not None:
            column = REFERENCE[margin_against]
            limit = self._references[block.queries, column : column + 1] - limits.margin
            judged.reject(
                Reason.TEACHER_MARGIN, ~judged_irrelevant & (scores > limit), scores, limit
            )

    def _find(
        self, queries: NDArray[np.int64], documents: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        if not len(self._keys):
            return np.full(len(documents), np.nan, np.float32)
        wanted = np.where(documents >= 0, queries * self._documents + documents, -1)
        places = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[places] == wanted, self._scores[places], np.nan).astype(
            np.float32
        )
