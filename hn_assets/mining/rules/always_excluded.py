"""What is never a negative, whatever the settings.

A document is excluded for a query if it is one of its positives (or has the text of one), has the
text of the query itself, is empty, or repeats the text of a candidate ranked before it. Queries of
the same text share their positives.
"""

import numpy as np
from numpy.typing import NDArray

from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.mining.rules.decisions import KEPT, NO_CANDIDATE
from hn_assets.mining.rules.reasons import (
    CODES,
    EMPTY,
    POSITIVE,
    REPEATED_TEXT,
    TEXT_OF_A_POSITIVE,
    TEXT_OF_THE_QUERY,
)


def exclude(block: CandidateBlock, dataset: IndexedDataset) -> NDArray[np.int8]:
    """Why candidates can never be negatives.

    Returns:
        The code of the first reason for each candidate, `KEPT` if there is none, `NO_CANDIDATE`
        beyond the end of a ranking; int8 of the shape of `block.documents`.
    """
    out = exclude_by_text(block, dataset)
    for reason, find in (
        (TEXT_OF_A_POSITIVE, dataset.have_relevant_text),
        (POSITIVE, dataset.are_relevant),
    ):
        found = find(block.queries, block.documents)
        out[found & (out != NO_CANDIDATE)] = CODES[reason]
    return out


def exclude_by_text(block: CandidateBlock, dataset: IndexedDataset) -> NDArray[np.int8]:
    """Why candidates can never be negatives, if the positives are not looked at.

    Returns:
        The same as `exclude`.
    """
    text = dataset.texts.documents[block.documents]
    out = np.full(block.documents.shape, KEPT, np.int8)
    codes = np.where(block.documents < 0, -1, dataset.texts.document_codes[block.documents])
    # the last that holds is the first in the order of reasons
    out[_is_repeated(codes)] = CODES[REPEATED_TEXT]
    out[text == dataset.texts.empty] = CODES[EMPTY]
    out[text == dataset.texts.queries[block.queries][:, None]] = CODES[TEXT_OF_THE_QUERY]
    out[block.documents < 0] = NO_CANDIDATE
    return out


def _is_repeated(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the same code stands further to the left in a row."""
    order = np.argsort(codes, axis=1, kind="stable")
    ranked = np.take_along_axis(codes, order, 1)
    again = np.zeros(codes.shape, bool)
    again[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
    out = np.zeros(codes.shape, bool)
    np.put_along_axis(out, order, again, 1)
    return out
