"""Write a small corpus with queries, let a retriever rank, and read what it wrote."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.retrievers import RetrieverInputs, RetrieverReport, RetrieverSettings
from hn_assets.store import schemas

Found = dict[str, list[tuple[str, float]]]


def inputs_in(
    folder: Path, documents: Mapping[str, str], queries: Mapping[str, str], **changes: Any
) -> RetrieverInputs:
    """The tables of a corpus without titles and of queries, in a folder."""
    corpus = {"id": list(documents), "title": [""] * len(documents), "text": [*documents.values()]}
    asked = {
        "id": list(queries),
        "text": [*queries.values()],
        "split": ["train"] * len(queries),
        "prompt": [None] * len(queries),
    }
    pq.write_table(pa.table(corpus, schema=schemas.CORPUS), folder / "corpus.parquet")
    pq.write_table(pa.table(asked, schema=schemas.QUERIES), folder / "queries.parquet")
    return RetrieverInputs(folder, folder / "corpus.parquet", folder / "queries.parquet", **changes)


def retrieve(
    settings: RetrieverSettings, inputs: RetrieverInputs, depth: int
) -> tuple[Found, RetrieverReport]:
    """What is found for each query, best first, after a check of what is true of all rankings."""
    target = inputs.base / f"found by {settings.label}.parquet"
    before = set(inputs.base.iterdir())
    report = settings.retrieve(inputs, target, depth)
    assert set(inputs.base.iterdir()) <= before | {target}  # nothing is left beside it
    table = pq.read_table(target)
    assert table.schema == schemas.CANDIDATES
    rows: list[dict[str, Any]] = table.to_pylist()
    found = {
        query: [(row["doc_id"], row["rank"], row["score"]) for row in of_query]
        for query, of_query in groupby(rows, key=lambda row: row["query_id"])
    }
    queries: Sequence[str] = pq.read_table(inputs.queries)["id"].to_pylist()
    assert list(found) == [query for query in queries if query in found]
    for ranked in found.values():
        assert [rank for _, rank, _ in ranked] == list(range(len(ranked)))
        assert len(ranked) <= depth
        assert ranked == sorted(ranked, key=lambda row: (-row[2], row[0]))
    assert report.candidates == len(rows)
    assert report.queries == len(queries)
    assert report.queries_without_candidates == len(queries) - len(found)
    return {q: [(doc, score) for doc, _, score in ranked] for q, ranked in found.items()}, report
