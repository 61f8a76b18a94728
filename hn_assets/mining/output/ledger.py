"""The ledger: every candidate with its reason, and the numbers by which it was judged."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hn_assets.ids import Ids
from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.mining.output.mining_result import MiningResult
from hn_assets.mining.output.result_parts import ResultPart, numbers_of, parts_of
from hn_assets.mining.rules.decisions import KEPT
from hn_assets.mining.rules.reasons import CHOSEN, REASONS
from hn_assets.store import schemas


def to_ledger(result: MiningResult, dataset: IndexedDataset) -> pa.Table:
    """All candidates of some queries, with the columns of `schemas.LEDGER`.

    Negatives that were drawn at random and are no candidates stand behind them, without a rank. If
    several retrievers were joined, the columns are those of `schemas.joined_ledger`.
    """
    return pa.concat_tables([_ledger_rows(part, dataset) for part in parts_of(result)])


def _ledger_rows(part: ResultPart, dataset: IndexedDataset) -> pa.Table:
    result = part.result
    there = result.block.documents >= 0
    query, place = np.nonzero(there)
    codes = result.decisions.codes[there]
    labels = [*(reason.label for reason in REASONS), CHOSEN]
    outcome = np.where(codes == KEPT, len(REASONS), codes).astype(np.int8)
    columns = [
        _ids(dataset.query_ids, result.block.queries[query]),
        _ids(dataset.document_ids, result.block.documents[there]),
        part.sources(there),
        part.ranks(place),
        pa.array(result.block.scores[there]),
        pa.DictionaryArray.from_arrays(pa.array(outcome), pa.array(labels)),
        numbers_of(result.decisions.values, there),
        numbers_of(result.decisions.limits, there),
        pa.array(result.margin[there]),
        pa.array(result.features.positive_similarity[there]),
        numbers_of(result.features.probability, there),
        numbers_of(result.features.teacher_scores, there),
        *part.retriever_ranks(there),
    ]
    return pa.table(columns, schema=schemas.joined_ledger(part.retrievers))


def _ids(ids: Ids, rows: NDArray[np.int64]) -> pa.DictionaryArray:
    """Ids as a dictionary: a ledger repeats each of them many times."""
    used, codes = np.unique(rows, return_inverse=True)
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), ids.take(pa.array(used))
    )
