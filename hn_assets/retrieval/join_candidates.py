"""From the rankings of several retrievers to the candidates of every query, kept in a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.ids import Ids
from hn_assets.retrieval.join_report import JoinReport, JoinSummary
from hn_assets.retrieval.joined_order import JoinedFinds, Joiner
from hn_assets.retrieval.ranking import query_blocks
from hn_assets.retrieval.read_rankings import RankingsFile
from hn_assets.store import schemas

if TYPE_CHECKING:
    import pandas as pd


def join_candidates(
    rankings: Mapping[str, Path],
    corpus_vectors: Path,
    query_vectors: Path,
    *,
    target: Path,
    own: str | None,
    order: str,
    depth: int,
    memory_mb: int,
    qrels: pd.DataFrame,
    log: Callable[[str], None],
) -> JoinReport:
    """Join the rankings of several retrievers, and write the candidates to `target`.

    Args:
        rankings: The file of each retriever's rankings by its name, with the columns of
            `schemas.CANDIDATES`.
        corpus_vectors: The vectors of the documents.
        query_vectors: The vectors of the queries.
        target: The Parquet file to write, with the columns of `schemas.joined_candidates`.
        own: The name of the retriever that is the dataset's own encoder; None if none is.
        order: `reciprocal_rank_fusion`, or the name of the retriever whose score decides.
        depth: How many candidates each retriever was asked for.
        memory_mb: About how many MiB the candidates that are joined at once may take.
        qrels: Columns query_id, doc_id, score, split; for the report alone.
        log: Takes a line of progress after each block of queries.

    Raises:
        StoreError: A file is damaged, or ranks what has no vector.
    """
    start = time.perf_counter()
    names = list(rankings)
    documents, queries = VectorTable(corpus_vectors), VectorTable(query_vectors)
    joiner = Joiner(names, own, order, queries, documents)
    files = [RankingsFile(path, queries.ids, documents.ids) for path in rankings.values()]
    summary = JoinSummary(names, qrels, queries.ids, documents.ids)
    schema = schemas.joined_candidates(names)
    at_once = 4 * depth * len(names)  # as what is joined is copied several times
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for rows in query_blocks(len(queries), at_once, queries.dimension, memory_mb):
            end = int(rows[-1]) + 1
            found = joiner.join([file.until(end) for file in files])
            writer.write_table(_to_table(found, queries.ids, documents.ids, schema))
            summary.add(found)
            log(f"joined the candidates of {end:,} of {len(queries):,} queries")
    return JoinReport(
        retrievers=tuple(names),
        order=order,
        queries=len(queries),
        scored=joiner.scored,
        seconds=time.perf_counter() - start,
        summary=summary,
    )


def _to_table(found: JoinedFinds, query_ids: Ids, document_ids: Ids, schema: pa.Schema) -> pa.Table:
    columns = [
        query_ids.take(found.query),
        document_ids.take(found.document),
        pa.array(found.rank),
        pa.array(found.score),
    ]
    for number in range(found.ranks.shape[1]):
        is_missing: NDArray[np.bool_] = found.ranks[:, number] < 0
        columns.append(pa.array(found.ranks[:, number], mask=is_missing))
        columns.append(pa.array(found.scores[:, number], mask=is_missing))
    return pa.table(columns, schema=schema)
