"""Who found the negatives, if several retrievers were joined, and how hard what they found is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

# what found a document: the encoder alone, a draw at random, or retrievers with a sign between them
DENSE, RANDOM = "dense", "random"
AND = "+"


def are_joined(sources: pa.ChunkedArray) -> bool:
    """Whether anything but the encoder alone, and draws at random, has found negatives."""
    return not set(sources.unique().to_pylist()) <= {DENSE, RANDOM}


def describe_sources(negatives: pa.Table) -> Iterator[dict[str, Any]]:
    """The negatives by who found them, the most first; nothing if the encoder alone has ranked.

    Args:
        negatives: With the columns source, score, margin and probability.

    Yields:
        Rows with source, negatives, share, mean score, mean margin and, if there is a calibrated
        model, mean probability, which is the share that it expects to be relevant.
    """
    if not are_joined(negatives["source"]):
        return
    names = ("score", "margin", "probability")
    sums = [(name, kind) for name in names for kind in ("mean", "count")]
    groups = negatives.group_by("source").aggregate([*sums, ([], "count_all")]).to_pylist()
    for group in sorted(groups, key=lambda group: (-group["count_all"], group["source"])):
        row: dict[str, Any] = {
            "source": group["source"].replace(AND, f" {AND} "),
            "negatives": group["count_all"],
            "share": group["count_all"] / len(negatives),
            "mean score": group["score_mean"],
            "mean margin": group["margin_mean"],
        }
        if group["probability_count"]:
            row["mean probability"] = group["probability_mean"]
        yield row


def shares_by_retriever(sources: pa.ChunkedArray) -> dict[str, float]:
    """The share of the negatives that each retriever found, alone or with others.

    There is none if the encoder alone has ranked.

    >>> shares_by_retriever(pa.chunked_array([["dense", "dense+bm25", "bm25", "random"]]))
    {'bm25': 0.5, 'dense': 0.5}
    """
    if not are_joined(sources):
        return {}
    found: Counter[str] = Counter()
    for row in sources.value_counts().to_pylist():
        for name in row["values"].split(AND):
            found[name] += row["counts"]
    del found[RANDOM]
    return {name: count / len(sources) for name, count in sorted(found.items())}
