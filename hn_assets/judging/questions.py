"""Which pairs the judge is asked about, and their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hn_assets.judging.prompt import NO_POSITIVE
from hn_assets.mining.output.relevance_estimate import relevance_estimate
from hn_assets.store.schemas import read_query_texts, read_texts

if TYPE_CHECKING:
    import pandas as pd

SAMPLE, NEGATIVE = "sample", "negative"
COLUMNS = ["query_id", "doc_id", "asked_as", "positive_id"]


@dataclass(frozen=True)
class Questions:
    """Pairs to ask about.

    Attributes:
        pairs: A row for each: query_id, doc_id, asked_as (`sample` or `negative`), positive_id
            (missing if none is shown).
        texts: The texts `query`, `passage` and `positive` of each.
    """

    pairs: pd.DataFrame
    texts: Sequence[dict[str, str]]


def collect_questions(
    sample: pd.DataFrame | None,
    negatives: pd.DataFrame,
    check_negatives: int,
    *,
    corpus: Path,
    queries: Path,
) -> Questions:
    """The items of a review's sample, and the negatives that are most probably relevant.

    Args:
        sample: One sample, with the columns of `schemas.REVIEW_SAMPLE`; None if there is no review.
        negatives: The chosen negatives, with the columns of `schemas.HARD_NEGATIVES`.
        check_negatives: How many of the negatives are asked about.
        corpus: The Parquet file of the corpus.
        queries: The Parquet file of the queries.
    """
    import pandas as pd

    parts = [_most_probably_relevant(negatives, check_negatives)]
    if sample is not None:
        parts.insert(0, sample[~sample.is_repeat].assign(asked_as=SAMPLE))
    pairs = pd.concat([part[COLUMNS] for part in parts], ignore_index=True)
    query_texts = read_query_texts(queries, set(pairs.query_id))
    documents = read_texts(corpus, {*pairs.doc_id, *pairs.positive_id.dropna()})
    # the texts of an earlier sample may be gone
    is_there = pairs.query_id.isin(query_texts) & pairs.doc_id.isin(documents)
    pairs = pairs[is_there].reset_index(drop=True)
    texts = [
        {
            "query": query_texts[query],
            "passage": documents[document],
            "positive": documents.get(str(positive), NO_POSITIVE),
        }
        for query, document, positive in zip(
            pairs.query_id, pairs.doc_id, pairs.positive_id, strict=True
        )
    ]
    return Questions(pairs, texts)


def _most_probably_relevant(negatives: pd.DataFrame, count: int) -> pd.DataFrame:
    ranked = negatives.assign(
        estimate=relevance_estimate(negatives),
        asked_as=NEGATIVE,
        positive_id=negatives.positive_ids.map(lambda ids: ids[0] if len(ids) else None),
    ).sort_values(["estimate", "query_id", "doc_id"], ascending=[False, True, True])
    return ranked.head(count)
