"""The documents that are ranked to judge a trained model: all of them, or a bounded part."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hn_assets.mining.rules.sampling import hash_ids
from hn_assets.store import schemas
from hn_assets.store.parquet_batches import parquet_batches

DEPTH = 100  # candidates of each query that are ranked with every model


def write_ranked_documents(
    corpus: Path,
    candidates: Path,
    queries: Collection[str],
    positives: Collection[str],
    target: Path,
    *,
    limit: int,
    seed: int,
) -> Path:
    """Choose the documents that are ranked.

    If the corpus has more than `limit`, these are the positives, then the candidates of the queries
    from the nearest on, and then documents at random, so that the hardest are among them.

    Args:
        corpus: The Parquet file of the corpus.
        candidates: The Parquet file of the rankings that there are.
        queries: The ids of the queries that judge.
        positives: The ids of their positives.
        target: The file to write the chosen documents to.
        limit: How many documents there are at most, positives aside.
        seed: Decides the random choice.

    Returns:
        The Parquet file of the documents: `target`, or `corpus` itself if it is small enough.
    """
    if pq.read_metadata(corpus).num_rows <= limit:
        return corpus
    ranked = pq.read_table(
        candidates,
        columns=["doc_id", "rank"],
        filters=(pc.field("rank") < DEPTH) & pc.field("query_id").isin(list(queries)),
    )
    nearest = ranked.group_by("doc_id").aggregate([("rank", "min")]).sort_by("rank_min")
    chosen = dict.fromkeys(positives)
    for doc_id in nearest["doc_id"].to_pylist():
        if len(chosen) >= limit:
            break
        chosen.setdefault(doc_id)
    ids = pq.read_table(corpus, columns=["id"])["id"].to_pylist()
    for place in np.argsort(hash_ids(ids, seed), kind="stable"):
        if len(chosen) >= limit:
            break
        chosen.setdefault(ids[place])
    is_chosen = pc.field("id").isin(list(chosen))
    with pq.ParquetWriter(target, schemas.CORPUS) as writer, pq.ParquetFile(corpus) as file:
        for batch in parquet_batches(file):
            writer.write_table(pa.Table.from_batches([batch]).filter(is_chosen))
    return target
