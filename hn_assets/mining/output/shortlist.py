"""The shortlist: the positives and candidates that a teacher is to score, and their texts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.mining.data.text_numbers import read_passages
from hn_assets.store.schemas import read_rows

if TYPE_CHECKING:
    import pandas as pd


def to_shortlist(negatives: Iterable[pa.Table], dataset: IndexedDataset) -> pd.DataFrame:
    """The chosen candidates and the positives of the mined queries.

    Args:
        negatives: What was chosen for all mined queries, from `number_negatives`.
        dataset: The dataset that is mined.

    Returns:
        A table with the columns query_id, doc_id and label (1 for a positive), sorted by query
        id, positives first, then by document id. Positives without text are left out.
    """
    import pandas as pd

    parts = [
        _name(dataset, part["query"].to_numpy(), part["document"].to_numpy(), 0)
        for part in negatives
    ]
    queries, documents = dataset.positives.queries(), dataset.positives.documents
    with_text = dataset.texts.documents[documents] != dataset.texts.empty
    which = dataset.mined[queries] & with_text
    parts.append(_name(dataset, queries[which], documents[which], 1))
    return pd.concat(parts, ignore_index=True).sort_values(
        ["query_id", "label", "doc_id"], ascending=[True, False, True], ignore_index=True
    )


def read_shortlist_texts(
    shortlist: pd.DataFrame, *, corpus: Path, queries: Path, include_title: bool
) -> list[tuple[str, str]]:
    """The texts of query and passage for each row of a shortlist, in its order.

    Args:
        shortlist: From `to_shortlist`.
        corpus: The Parquet file of the corpus.
        queries: The Parquet file of the queries.
        include_title: Whether a passage's text begins with its title, as for the encoder.
    """
    wanted = set(shortlist.doc_id)
    passages = {
        document: text
        for document, text in read_passages(corpus, include_title=include_title)
        if document in wanted
    }
    query_texts = {row["id"]: row["text"] for row in read_rows(queries, ["id", "text"])}
    return [
        (query_texts[query], passages[document])
        for query, document in zip(shortlist.query_id, shortlist.doc_id, strict=True)
    ]


def _name(
    dataset: IndexedDataset,
    queries: NDArray[np.integer],
    documents: NDArray[np.integer],
    label: int,
) -> pd.DataFrame:
    """The ids of queries and documents, given by their rows."""
    import pandas as pd

    return pd.DataFrame(
        {
            "query_id": dataset.query_ids.take(pa.array(queries)).to_pylist(),
            "doc_id": dataset.document_ids.take(pa.array(documents)).to_pylist(),
            "label": np.full(len(queries), label, np.int8),
        }
    )
