"""Why a document is, or is not, a negative of a query: a row of the ledger as a sentence."""

from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from hn_assets.errors import StoreError
from hn_assets.mining.output.sources import RANDOM
from hn_assets.mining.rules.reasons import CHOSEN, reason_of
from hn_assets.store import DatasetStore, layout, schemas


def explain(store: DatasetStore, query_id: str, doc_id: str) -> str:
    """What became of a document as a negative of a query.

    Raises:
        StoreError: Nothing was mined yet, the query was not mined, or a file is damaged.
    """
    ledger = store.file(layout.LEDGER)
    of_query = pq.read_table(ledger, filters=pc.field("query_id") == query_id)
    if not of_query.num_rows:
        raise StoreError(
            f"the query {query_id!r} was not mined: it is not of the mined split, has no positive, "
            f"or is not there"
        )
    row = of_query.filter(pc.field("doc_id") == doc_id).to_pylist()
    if not row:
        candidates = of_query.num_rows - of_query["rank"].null_count
        return (
            f"Document {doc_id!r} is no negative of query {query_id!r}: it is not among the "
            f"query's {candidates} best candidates."
        )
    return describe(row[0])


def describe(row: Mapping[str, Any]) -> str:
    """A row of the ledger as a sentence, and the numbers of the candidate below it."""
    facts = [
        "not among the candidates" if row["rank"] is None else f"rank {row['rank']}",
        *_found_by(row),
        f"score {row['score']:.4f}",
        f"{row['margin']:+.4f} to the positives' score",
        f"cosine to the nearest positive {row['positive_similarity']:.4f}",
    ]
    if row["probability"] is not None:
        facts.append(f"probability of being relevant {row['probability']:.4f}")
    if row["teacher_score"] is not None:
        facts.append(f"teacher's score {row['teacher_score']:.4f}")
    subject = f"Document {row['doc_id']!r}"
    tail = f"\n({', '.join(facts)})"
    if row["outcome"] == CHOSEN:
        how = ", drawn at random from the whole corpus" if row["source"] == RANDOM else ""
        return f"{subject} is a negative of query {row['query_id']!r}{how}.{tail}"
    return f"{subject} is no negative of query {row['query_id']!r}: {describe_reason(row)}.{tail}"


def _found_by(row: Mapping[str, Any]) -> list[str]:
    """Which of several retrievers found a candidate, as at most one clause."""
    names = schemas.rank_columns(list(row))
    ranks = {name: row[column] for name, column in names.items() if row[column] is not None}
    found = " and ".join(f"by {name} at rank {rank}" for name, rank in ranks.items())
    return [f"found {found}"] if found else []


def describe_reason(row: Mapping[str, Any]) -> str:
    """Why the candidate of a row of the ledger was not chosen, as a clause after "because"."""
    nothing = float("nan")
    return reason_of(row["outcome"]).sentence.format(
        value=nothing if row["value"] is None else row["value"],
        limit=nothing if row["limit"] is None else row["limit"],
    )
