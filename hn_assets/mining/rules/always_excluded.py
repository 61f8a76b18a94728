"""What is never a negative, whatever the settings.

A document is out for a query if it is one of its positives (or has the text of one), has the text
of the query itself, is empty, or repeats the text of a candidate ranked before it. Queries that
ask the same thing in the same words share their positives.
"""

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery, IndexedDataset
from hn_assets.mining.rules.reasons import KEPT, Reason


def exclude(block: CandidateBlock, collection: IndexedDataset) -> NDArray[np.int8]:
    """Why each candidate can never be a negative.

    Returns:
        The first `Reason` for each candidate, `KEPT` where there is none, `Reason.NOTHING` beyond
        the end of a ranking; int8 of the shape of `block.documents`.
    """
    out = unusable(block, collection)
    text = collection.document_text_codes
    relevant = collection.relevant
    by_text = DocumentsByQuery(relevant.starts, text[relevant.documents])
    for reason, known, what in (
        (Reason.TEXT_OF_A_POSITIVE, by_text, text[block.documents]),
        (Reason.POSITIVE, relevant, block.documents),
    ):
        found = contains(known, block.queries, what)
        out[found & (out != Reason.NOTHING)] = reason
    return out


def unusable(block: CandidateBlock, collection: IndexedDataset) -> NDArray[np.int8]:
    """As `exclude`, without a look at the positives."""
    text = collection.texts.documents[block.documents]
    out = np.full(block.documents.shape, KEPT, np.int8)
    codes = np.where(block.documents < 0, -1, collection.document_text_codes[block.documents])
    for reason, found in (
        (Reason.REPEATED_TEXT, _repeated(codes)),
        (Reason.EMPTY, text == collection.texts.empty),
        (Reason.TEXT_OF_THE_QUERY, text == collection.texts.queries[block.queries][:, None]),
        (Reason.NOTHING, block.documents < 0),
    ):
        out[found] = reason
    return out


def contains(
    pairs: DocumentsByQuery, queries: NDArray[np.int64], values: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether each value, of shape (queries, n), is among the pairs of the query of its row."""
    if not len(pairs.documents):
        return np.zeros(values.shape, bool)
    width = int(max(pairs.documents.max(), values.max(initial=0))) + 1
    known = np.unique(pairs.queries() * width + pairs.documents)
    keys = queries[:, None] * width + values
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return (known[place] == keys) & (values >= 0)


def _repeated(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the same code stands further to the left in a row."""
    order = np.argsort(codes, axis=1, kind="stable")
    ranked = np.take_along_axis(codes, order, 1)
    again = np.zeros(codes.shape, bool)
    again[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
    out = np.zeros(codes.shape, bool)
    np.put_along_axis(out, order, again, 1)
    return out
