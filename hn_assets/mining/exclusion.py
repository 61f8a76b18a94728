"""What is never a negative, whatever the settings.

A document is out for a query if it is one of its positives (or has the text of one), has the text
of the query itself, is empty, or repeats the text of a candidate ranked before it. Queries that
ask the same thing in the same words share their positives.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hn_assets.errors import StoreError

REASONS = ("positive", "text of a positive", "text of the query", "empty", "repeated text")
KEPT = -1


@dataclass(frozen=True)
class Texts:
    """Texts of documents and queries as numbers: equal normalised text, equal number.

    Attributes:
        documents: number of each document's text, int64, by document id.
        queries: number of each query's text, int64, by query id.
        empty: the number of the empty text.
    """

    documents: "pd.Series[int]"
    queries: "pd.Series[int]"
    empty: int


def exclude(candidates: pd.DataFrame, positives: pd.DataFrame, texts: Texts) -> NDArray[np.int8]:
    """Why each candidate can never be a negative.

    Args:
        candidates: query_id, doc_id, in rank order within each query.
        positives: query_id, doc_id of every relevant pair, of any split.
        texts: the texts of all documents and queries named.

    Returns:
        For each candidate `KEPT` or the place of the first reason in `REASONS`, int8.

    Raises:
        StoreError: a document is ranked that the corpus does not have.
    """
    known_documents = candidates.doc_id.isin(texts.documents.index)
    if not known_documents.all():
        raise StoreError(
            f"document {candidates.doc_id[~known_documents].iloc[0]!r} and "
            f"{int((~known_documents).sum()) - 1} more candidates are ranked but no longer in the "
            f"corpus: materialize the embeddings, faiss_index and candidates again"
        )
    query_text = texts.queries.loc[candidates.query_id].to_numpy()
    doc_text = texts.documents.loc[candidates.doc_id].to_numpy()
    asked = texts.queries.loc[positives.query_id].to_numpy()
    known = positives.doc_id.isin(texts.documents.index).to_numpy()
    answer = texts.documents.loc[positives.doc_id[known]].to_numpy()

    pairs = pd.MultiIndex.from_arrays([query_text, doc_text])
    by_text = pairs.isin(pd.MultiIndex.from_arrays([asked[known], answer]))
    by_id = pd.MultiIndex.from_arrays([query_text, candidates.doc_id]).isin(
        pd.MultiIndex.from_arrays([asked, positives.doc_id])
    )
    repeated = pd.DataFrame({"query": candidates.query_id.to_numpy(), "text": doc_text})
    masks = (
        by_id,
        by_text,
        doc_text == query_text,
        doc_text == texts.empty,
        repeated.duplicated().to_numpy(),
    )
    reasons = np.full(len(candidates), KEPT, np.int8)
    for reason in reversed(range(len(masks))):
        reasons[masks[reason]] = reason
    return reasons
