"""Who found the negatives, if several retrievers were joined, and how hard what they found is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# what found a document: the encoder alone, a draw at random, or retrievers with a sign between them
DENSE, RANDOM = "dense", "random"
AND = "+"


def are_joined(sources: pd.Series[str]) -> bool:
    """Whether anything but the encoder alone, and draws at random, has found negatives."""
    return not sources.isin([DENSE, RANDOM]).all()


def describe_sources(negatives: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The negatives by who found them, the most first; nothing if the encoder alone has ranked.

    Args:
        negatives: With the columns source, score, margin and probability.

    Yields:
        Rows with source, negatives, share, mean score, mean margin and, if there is a calibrated
        model, mean probability, which is the share that it expects to be relevant.
    """
    if not are_joined(negatives.source):
        return
    groups = sorted(
        negatives.groupby("source", observed=True),
        key=lambda item: (-len(item[1]), str(item[0])),
    )
    for source, rows in groups:
        row: dict[str, Any] = {
            "source": str(source).replace(AND, f" {AND} "),
            "negatives": len(rows),
            "share": len(rows) / len(negatives),
            "mean score": float(rows.score.mean()),
            "mean margin": float(rows.margin.mean()),
        }
        if rows.probability.notna().any():
            row["mean probability"] = float(rows.probability.mean())
        yield row


def shares_by_retriever(sources: pd.Series[str]) -> dict[str, float]:
    """The share of the negatives that each retriever found, alone or with others.

    There is none if the encoder alone has ranked.

    >>> import pandas as pd
    >>> shares_by_retriever(pd.Series(["dense", "dense+bm25", "bm25", "random"]))
    {'bm25': 0.5, 'dense': 0.5}
    """
    if not are_joined(sources):
        return {}
    found = sources.astype(str).str.split(AND, regex=False).explode()
    counts = found[found != RANDOM].value_counts().sort_index()
    return {str(name): float(count) / len(sources) for name, count in counts.items()}
