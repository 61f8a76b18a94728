"""The teacher's scores of positives and candidates, to be looked up by query and document."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hn_assets.errors import StoreError
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import IndexedDataset, reference_scores


class TeacherScores:
    """The teacher's scores of a dataset.

    Args:
        path: A Parquet file with the columns of `schemas.TEACHER_SCORES`.
        dataset: The dataset whose ids stand in the file.

    Attributes:
        references: The lowest, the mean and the highest score of each query's positives; float32,
            (queries, 3).

    Raises:
        StoreError: The file names a query or a document that the dataset does not have.
    """

    def __init__(self, path: Path, dataset: IndexedDataset) -> None:
        import pandas as pd

        table = pd.read_parquet(path)
        self._documents = len(dataset.document_ids)
        queries = dataset.query_ids.rows_of(table.query_id)
        documents = dataset.document_ids.rows_of(table.doc_id)
        if len(table) and min(queries.min(), documents.min()) < 0:
            raise StoreError(
                "teacher_scores names a query or a document that is no longer there; materialize "
                "everything from candidates on"
            )
        keys = queries * self._documents + documents
        order = np.argsort(keys)
        self._keys = keys[order]
        self._scores = table.score.to_numpy(np.float32)[order]
        self._scored = np.bincount(queries, minlength=len(dataset.query_ids))
        positives = dataset.positives
        of_positives = self._find(positives.queries(), positives.documents)
        self.references = reference_scores(positives, of_positives)

    def find(self, block: CandidateBlock) -> NDArray[np.float32]:
        """The scores of candidates; float32, (queries, depth), NaN if there is none."""
        queries = np.repeat(block.queries, block.depth)
        found = self._find(queries, block.documents.ravel())
        return found.reshape(block.documents.shape)

    def has_more(self, block: CandidateBlock, scores: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Whether documents of each query were scored that are not in the block.

        Args:
            block: The candidates.
            scores: The scores of the block, from `find`.

        Returns:
            bool, (queries,).
        """
        return self._scored[block.queries] > np.isfinite(scores).sum(axis=1)

    def _find(
        self, queries: NDArray[np.int64], documents: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        if not len(self._keys):
            return np.full(len(documents), np.nan, np.float32)
        wanted = np.where(documents >= 0, queries * self._documents + documents, -1)
        places = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        found = np.where(self._keys[places] == wanted, self._scores[places], np.nan)
        return found.astype(np.float32)
