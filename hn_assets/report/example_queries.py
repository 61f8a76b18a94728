"""A few queries with what was chosen for them and what was not, for people to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from hn_assets.mining.output.explain import describe_reason
from hn_assets.mining.output.sources import AND, RANDOM
from hn_assets.mining.rules.reasons import ALWAYS_EXCLUDED, CHOSEN, FILTERED, POSITIVE
from hn_assets.store.read_of_queries import read_of_queries
from hn_assets.store.schemas import rank_columns, read_query_texts, read_rows
from hn_assets.text import shorten

if TYPE_CHECKING:
    import pandas as pd

QUERIES = 20
# how many passages of each kind are shown for a query
POSITIVES, NEGATIVES, REJECTED = 2, 4, 5
CHARACTERS = 320  # that a text is cut to

_POSITIVE = POSITIVE.label
# a rejection by a rule tells a reader more than a candidate that was only not taken
_RULES = [r.label for r in (*FILTERED, *ALWAYS_EXCLUDED) if r != POSITIVE]


@dataclass(frozen=True)
class ExamplePassage:
    """A document that is shown with a query.

    Attributes:
        id: The id of the document.
        text: Its title and text, cut short.
        score: Its score for the query.
        rank: Its rank among the query's candidates, counted from 0; None for a positive, and for
            a negative that is none of them.
        why: Why it was not chosen; empty if it was, and for a positive.
        is_random: Whether it is a negative that was drawn at random from the whole corpus.
        found_by: Which of several retrievers found it; empty if the encoder alone has ranked, for a
            random negative, and for a positive.
    """

    id: str
    text: str
    score: float
    rank: int | None = None
    why: str = ""
    is_random: bool = False
    found_by: str = ""


@dataclass(frozen=True)
class ExampleQuery:
    """A query that is shown.

    Attributes:
        id: The id of the query.
        text: Its text, cut short.
        positives: Some of its positives.
        negatives: Some of its negatives, in the order of their ranks, with a random one at the end.
        rejected: Some of the candidates that were not chosen.
    """

    id: str
    text: str
    positives: Sequence[ExamplePassage]
    negatives: Sequence[ExamplePassage]
    rejected: Sequence[ExamplePassage]


def collect_examples(
    corpus: Path, queries: Path, hard_negatives: Path, ledger: Path
) -> list[ExampleQuery]:
    """Read a few queries, spread evenly over the ids of all mined queries.

    Args:
        corpus: The Parquet file of the corpus.
        queries: The Parquet file of the queries.
        hard_negatives: The Parquet file of the chosen negatives.
        ledger: The Parquet file that says what became of every candidate.
    """
    import pandas as pd

    mined = pq.read_table(hard_negatives, columns=["query_id"], read_dictionary=["query_id"])
    ids = sorted(mined["query_id"].unique().to_pylist())
    places = np.linspace(0, len(ids) - 1, min(QUERIES, len(ids))).round().astype(int)
    picked = [ids[place] for place in places]
    chosen, rows = (
        read_of_queries(path, picked).to_pandas(integer_object_nulls=True)
        for path in (hard_negatives, ledger)
    )
    rows = rows.astype({"query_id": str, "doc_id": str, "outcome": str, "source": str})
    rows = rows.astype(object).where(pd.notna(rows), None)
    joined = bool(rank_columns(list(rows.columns)))

    negatives = {query: _shown(chosen[chosen.query_id == query]) for query in picked}
    rejected = {query: _rejected(rows[rows.query_id == query]) for query in picked}
    wanted = {row["doc_id"] for some in rejected.values() for row in some}
    for some in negatives.values():
        wanted |= {*some.doc_id, *some.positive_ids.iloc[0][:POSITIVES]}
    texts = _read_passages(corpus, wanted)
    asked = read_query_texts(queries, picked)

    def passage(row: Mapping[Any, Any], why: str = "") -> ExamplePassage:
        is_random = row["source"] == RANDOM
        return ExamplePassage(
            row["doc_id"],
            texts[row["doc_id"]],
            row["score"],
            row["rank"],
            why,
            is_random=is_random and not why,
            found_by=row["source"].replace(AND, f" {AND} ") if joined and not is_random else "",
        )

    examples: list[ExampleQuery] = []
    for query in picked:
        # every row of a query names the same positives
        first = negatives[query].iloc[0]
        positives = zip(
            first.positive_ids[:POSITIVES], first.positive_scores[:POSITIVES], strict=True
        )
        examples.append(
            ExampleQuery(
                id=query,
                text=shorten(asked[query], CHARACTERS),
                positives=[ExamplePassage(i, texts[i], float(score)) for i, score in positives],
                negatives=[passage(row) for row in negatives[query].to_dict("records")],
                rejected=[passage(row, describe_reason(row)) for row in rejected[query]],
            )
        )
    return examples


def _shown(negatives: pd.DataFrame) -> pd.DataFrame:
    """The best ranked negatives of a query, and one of those that were drawn at random."""
    import pandas as pd

    drawn = negatives[negatives.source == RANDOM].head(1)
    ranked = negatives.drop(drawn.index).head(NEGATIVES - len(drawn))
    return pd.concat([ranked, drawn])


def _rejected(rows: pd.DataFrame) -> list[dict[Any, Any]]:
    """The best ranked candidates that a rule rejected, then others until there are enough."""
    others = rows[~rows.outcome.isin([CHOSEN, _POSITIVE])].sort_values("rank")
    by_rule = others[others.outcome.isin(_RULES)].head(REJECTED)
    rest = others[~others.outcome.isin(_RULES)].head(REJECTED - len(by_rule))
    return [*by_rule.to_dict("records"), *rest.to_dict("records")]


def _read_passages(corpus: Path, ids: set[str]) -> dict[str, str]:
    """The titles and texts of some documents, cut short, by id."""
    return {
        row["id"]: shorten(" — ".join(p for p in (row["title"], row["text"]) if p), CHARACTERS)
        for row in read_rows(corpus, ["id", "title", "text"], ids)
    }
