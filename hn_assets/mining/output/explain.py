"""Why a document is, or is not, a negative of a query: one line of the ledger in words."""

from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from hn_assets.errors import StoreError
from hn_assets.mining.rules.reasons import CHOSEN, NAMES, Reason
from hn_assets.store import DatasetStore
from hn_assets.store.layout import HARD_NEGATIVES

LEDGER_FILE = "ledger.parquet"

_BECAUSE = {
    Reason.POSITIVE: "it is a known positive of the query, or of one with the same text",
    Reason.TEXT_OF_A_POSITIVE: "it has the text of a known positive",
    Reason.TEXT_OF_THE_QUERY: "it has the text of the query itself",
    Reason.EMPTY: "it is empty",
    Reason.REPEATED_TEXT: "it has the text of a candidate that ranks higher",
    Reason.MAX_SCORE: "its score {value:.4f} is above the ceiling {limit:.4f}",
    Reason.MIN_SCORE: "its score {value:.4f} is below the floor {limit:.4f}",
    Reason.ABSOLUTE_MARGIN: "its score {value:.4f} is above {limit:.4f}, the positives less the "
    "absolute margin",
    Reason.RELATIVE_MARGIN: "its score {value:.4f} is above {limit:.4f}, the positives less the "
    "relative margin",
    Reason.POSITIVE_SIMILARITY: "its cosine to a positive is {value:.4f}, above {limit:.4f}",
    Reason.NEAR_DUPLICATE: "it shares most of its words with a positive",
    Reason.ANSWER: "it holds an answer to the query",
    Reason.PROBABLY_RELEVANT: "its probability of being relevant is {value:.4f}; {limit:.4f} is "
    "too much",
    Reason.OUTSIDE_RANGE: "it stands at place {value:.0f}, outside the range (which ends or begins "
    "at {limit:.0f})",
    Reason.NOT_SCORED: "others of the query's candidates were on the teacher's shortlist",
    Reason.TEACHER_MAX_SCORE: "the teacher scores it {value:.4f}, above the ceiling {limit:.4f}",
    Reason.TEACHER_MIN_SCORE: "the teacher scores it {value:.4f}, below the floor {limit:.4f}",
    Reason.TEACHER_MARGIN: "the teacher scores it {value:.4f}, above {limit:.4f}, the positives "
    "less the margin",
    Reason.NOT_DRAWN: "it may be one, but the query's other candidates were taken",
    Reason.QUERY_DROPPED: "it was one, but the query has too few and was dropped "
    "(mining.on_shortage)",
}


def explain(store: DatasetStore, query_id: str, doc_id: str) -> str:
    """What became of a document as a negative of a query.

    Raises:
        StoreError: nothing was mined yet, the query was not mined, or a file is damaged.
    """
    ledger = store.stage(HARD_NEGATIVES).file(LEDGER_FILE)
    of_query = pq.read_table(ledger, filters=pc.field("query_id") == query_id)
    if not of_query.num_rows:
        raise StoreError(
            f"the query {query_id!r} was not mined: it is not of the mined split, has no positive, "
            f"or is not there"
        )
    row = of_query.filter(pc.field("doc_id") == doc_id).to_pylist()
    if not row:
        return (
            f"Document {doc_id!r} is no negative of query {query_id!r}: it is not among the "
            f"query's {of_query.num_rows} best candidates."
        )
    return describe(row[0])


def describe(row: Mapping[str, Any]) -> str:
    """A row of the ledger."""
    facts = [
        f"rank {row['rank']}",
        f"score {row['score']:.4f}",
        f"{row['margin']:+.4f} to the positives' score",
        f"cosine to the nearest positive {row['positive_similarity']:.4f}",
    ]
    if row["probability"] is not None:
        facts.append(f"probability of being relevant {row['probability']:.4f}")
    if row["teacher"] is not None:
        facts.append(f"teacher's score {row['teacher']:.4f}")
    subject = f"Document {row['doc_id']!r}"
    tail = f"\n({', '.join(facts)})"
    if row["outcome"] == CHOSEN:
        return f"{subject} is a negative of query {row['query_id']!r}.{tail}"
    return f"{subject} is no negative of query {row['query_id']!r}: {because(row)}.{tail}"


def because(row: Mapping[str, Any]) -> str:
    """Why the candidate of a row of the ledger was not chosen."""
    reason = next(key for key, name in NAMES.items() if name == row["outcome"])
    nothing = float("nan")
    return _BECAUSE[reason].format(
        value=nothing if row["value"] is None else row["value"],
        limit=nothing if row["limit"] is None else row["limit"],
    )
