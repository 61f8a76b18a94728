"""The ids of a corpus by row, and the one order in which its documents are ranked."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.ids import Ids


def read_ids(path: Path) -> pa.Array:
    """The column `id` of a Parquet file, as `large_string`: offsets of `string` end at 2 GiB."""
    return pq.read_table(path, columns=["id"])["id"].cast(pa.large_string()).combine_chunks()


def find_ids(wanted: pa.Array, among: pa.Array) -> NDArray[np.int64]:
    """The row of each wanted id, or -1 if it is not there.

    Args:
        wanted: Ids, of any type of text.
        among: Ids as `read_ids` gives them.
    """
    options = pc.SetLookupOptions(value_set=among)
    found = pc.call_function("index_in", [wanted.cast(pa.large_string())], options)
    return np.asarray(found.fill_null(-1)).astype(np.int64)


class DocumentIds:
    """The ids of the documents, kept by Arrow.

    Args:
        corpus: A Parquet file with a column `id`.

    Attributes:
        ids: The ids, by the documents' rows.
        order: The place of each document's id among all ids in order, int64.
    """

    def __init__(self, corpus: Path) -> None:
        self.ids = read_ids(corpus)
        self.order = Ids(self.ids).places()

    def __len__(self) -> int:
        return len(self.ids)

    def best(
        self, rows: NDArray[np.int64], scores: NDArray[np.float32], depth: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `depth` best of a query's documents, best first, equal scores in the order of ids.

        Args:
            rows: The documents, of shape (found,).
            scores: Their scores, none of them NaN.
            depth: How many are wanted; there may be fewer.

        Returns:
            Rows and scores, both of shape (min(found, depth),).
        """
        if len(scores) > depth:
            place = len(scores) - depth
            # all that equal the last one stay, since their ids decide which is the last
            is_near = scores >= np.partition(scores, place)[place]
            rows, scores = rows[is_near], scores[is_near]
        order = np.lexsort((self.order[rows], -scores))[:depth]
        return rows[order], scores[order]
