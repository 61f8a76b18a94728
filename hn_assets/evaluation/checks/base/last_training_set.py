"""What a training set remembers of the refresh it was made from.

The refresh passed every check, so that checks of later refreshes compare with it.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from hn_assets.hashing import hash_of_joined
from hn_assets.store.schemas import read_rows

ACCEPTED = "accepted"  # the key of the summary in the manifest of the training set

# the entries of a summary
SIZES, TEXT_HASHES, NDCG = "sizes", "text_hashes", "ndcg_at_10"

SAMPLE = 1_000  # texts that are remembered


def accepted_summary(
    corpus: Path, qrels: Path, split: str, evaluation_split: str, quality: Mapping[str, Any]
) -> dict[str, Any]:
    """What a training set remembers for the checks of later refreshes.

    Args:
        corpus: The Parquet file of the corpus.
        qrels: The Parquet file of the qrels.
        split: The split whose queries are mined.
        evaluation_split: The split that rankings are evaluated on.
        quality: The measures of this refresh, by name.

    Returns:
        The entries `SIZES`, `TEXT_HASHES` and `NDCG`, as values that JSON can hold.
    """
    return {
        SIZES: dataset_sizes(corpus, qrels, split, evaluation_split),
        TEXT_HASHES: sample_text_hashes(corpus),
        NDCG: quality.get(NDCG),
    }


def dataset_sizes(corpus: Path, qrels: Path, split: str, evaluation_split: str) -> dict[str, int]:
    """How large a dataset is, by the counts that would fall if its source were broken."""
    import pandas as pd

    judged = pd.read_parquet(qrels)
    positives = judged[judged.score > 0]
    mined = positives[positives.split == split]
    return {
        "documents": pq.read_metadata(corpus).num_rows,
        "queries with positives": int(mined.query_id.nunique()),
        "positives": len(mined),
        "positives for evaluation": int((positives.split == evaluation_split).sum()),
    }


def sample_text_hashes(corpus: Path) -> list[str]:
    """Hashes of up to `SAMPLE` documents, as hex digits.

    The smallest hashes are taken, so that the sample does not depend on the order of the corpus.
    """
    smallest: set[bytes] = set()
    for row in read_rows(corpus, ["title", "text"]):
        smallest.add(hash_document(row))
        if len(smallest) > 10 * SAMPLE:
            smallest = set(heapq.nsmallest(SAMPLE, smallest))
    return [key.hex() for key in heapq.nsmallest(SAMPLE, smallest)]


def hash_document(row: Mapping[str, Any]) -> bytes:
    """The hash of a document's title and text."""
    return hash_of_joined((row["title"], "\n", row["text"]), size=12)
