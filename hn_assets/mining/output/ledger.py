"""The ledger: what became of every candidate, and why, with the numbers that decided."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.mining.data.indexed_dataset import DocumentsByQuery, IndexedDataset
from hn_assets.mining.miner import MiningResult
from hn_assets.mining.rules.reasons import CHOSEN, KEPT, NAMES, Reason
from hn_assets.store import tables

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "dense"  # which search found a candidate; there is one


def to_ledger(mined: MiningResult, collection: IndexedDataset) -> pa.Table:
    """All candidates of some queries, with the columns of `tables.LEDGER`."""
    there = mined.block.documents >= 0
    query, rank = np.nonzero(there)
    reasons = mined.judged.reasons[there]
    names = [NAMES[Reason(code)] for code in range(len(NAMES))]
    codes = np.where(reasons == KEPT, len(names), reasons).astype(np.int8)
    columns = [
        _ids(collection.query_ids, mined.block.queries[query]),
        _ids(collection.document_ids, mined.block.documents[there]),
        pa.array(rank.astype(np.int32)),
        pa.array(mined.block.scores[there]),
        pa.DictionaryArray.from_arrays(pa.array(codes), pa.array([*names, CHOSEN])),
        _number(mined.judged.values[there]),
        _number(mined.judged.limits[there]),
        pa.array(mined.margin[there]),
        pa.array(mined.positive_similarity[there]),
        _probability(mined, there),
        _number(mined.teacher[there]),
    ]
    return pa.table(columns, schema=tables.LEDGER)


def to_negatives(
    mined: MiningResult, collection: IndexedDataset, positive_scores: NDArray[np.float32]
) -> pa.Table:
    """The chosen candidates of some queries, with the columns of `tables.HARD_NEGATIVES`.

    Args:
        mined: the candidates.
        collection: of the dataset.
        positive_scores: of the shape of `collection.positives.documents`.
    """
    chosen = mined.chosen
    query, rank = np.nonzero(chosen)
    rows = mined.block.queries[query]
    positives = collection.positives
    judged_against = pa.array(rows)
    names = collection.document_ids.take(pa.array(positives.documents))
    columns = [
        collection.query_ids.take(judged_against),
        collection.document_ids.take(pa.array(mined.block.documents[chosen])),
        pa.array([SOURCE] * len(query), pa.string()),
        pa.array(rank.astype(np.int32)),
        pa.array(mined.block.scores[chosen]),
        pa.array(mined.margin[chosen]),
        pa.array(mined.positive_similarity[chosen]),
        _probability(mined, chosen),
        _number(mined.teacher[chosen]),
        _lists(positives, names).take(judged_against),
        _lists(positives, pa.array(positive_scores)).take(judged_against),
    ]
    return pa.table(columns, schema=tables.HARD_NEGATIVES)


def _lists(pairs: DocumentsByQuery, values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(pairs.starts.astype(np.int32)), values)


def _ids(ids: pa.Array, rows: NDArray[np.int64]) -> pa.DictionaryArray:
    """Ids as a dictionary: a ledger repeats each of them many times."""
    used, codes = np.unique(rows, return_inverse=True)
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), ids.take(pa.array(used))
    )


def _probability(mined: MiningResult, which: NDArray[np.bool_]) -> pa.Array:
    if mined.probability is None:
        return pa.nulls(int(which.sum()), pa.float32())
    return pa.array(mined.probability[which])


def _number(values: NDArray[np.float32]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


@dataclass(frozen=True)
class LedgerCheck:
    """What a look at a ledger found.

    Attributes:
        candidates: rows of the ledger.
        chosen: of them.
        queries: of them.
        problems: in words; none where all is well.
    """

    candidates: int
    chosen: int
    queries: int
    problems: list[str]


def check_ledger(ledger: Path, negatives: Path, candidates: Path) -> LedgerCheck:
    """Whether every candidate of a mined query is in the ledger once, and every choice is there.

    Args:
        ledger: Parquet file with the columns of `tables.LEDGER`.
        negatives: with those of `tables.HARD_NEGATIVES`.
        candidates: with those of `tables.CANDIDATES`.
    """
    import pandas as pd

    names = ["query_id", "doc_id"]
    rows = pq.read_table(ledger, columns=[*names, "outcome"], read_dictionary=names)
    queries = pd.Index(rows["query_id"].unique().to_pylist(), dtype=object)
    documents: dict[str, int] = {}
    keys = _keys(rows, queries, documents)
    ranked = pq.read_table(candidates, columns=names, read_dictionary=names)
    wanted = _keys(ranked, queries, documents)
    taken = _keys(
        pq.read_table(negatives, columns=names, read_dictionary=names), queries, documents
    )
    outcomes = rows["outcome"].cast(pa.string()).to_pandas()
    chosen = keys[(outcomes == CHOSEN).to_numpy()]
    problems: list[str] = []
    distinct = np.unique(keys)
    if len(distinct) < len(keys):
        problems.append(f"{len(keys) - len(distinct)} candidates are in the ledger twice")
    if lost := len(np.setdiff1d(wanted, distinct)):
        problems.append(f"{lost} candidates of mined queries are not in the ledger")
    if not np.array_equal(np.sort(chosen), np.sort(taken)):
        problems.append(
            f"the ledger chose {len(chosen)} candidates and hard_negatives has {len(taken)} rows, "
            f"which are not the same"
        )
    return LedgerCheck(len(keys), len(chosen), len(queries), problems)


def _keys(rows: pa.Table, queries: pd.Index, documents: dict[str, int]) -> NDArray[np.int64]:
    """A number for each pair of a known query and a document; others are left out."""
    import pandas as pd

    out: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    for batch in rows.to_batches():
        left, right = batch["query_id"], batch["doc_id"]
        query = queries.get_indexer(pd.Index(left.dictionary.to_pylist(), dtype=object))
        known = [documents.setdefault(i, len(documents)) for i in right.dictionary.to_pylist()]
        asked = query[left.indices.to_numpy()].astype(np.int64)
        pairs = asked << 32 | np.array(known, np.int64)[right.indices.to_numpy()]
        out.append(pairs[asked >= 0])
    return np.concatenate(out)
