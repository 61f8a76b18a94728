"""The tables that mining writes: the negatives, and the ledger of every candidate with its reason.

The numbers by which a candidate was judged stand beside the reason.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hn_assets.ids import Ids
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery, IndexedDataset
from hn_assets.mining.output.mining_result import MiningResult
from hn_assets.mining.rules.decisions import KEPT
from hn_assets.mining.rules.reasons import CHOSEN, REASONS
from hn_assets.store import schemas

# what found a document: the encoder alone, a draw at random, or retrievers with a sign between them
DENSE, RANDOM = "dense", "random"
AND = "+"


def to_ledger(result: MiningResult, dataset: IndexedDataset) -> pa.Table:
    """All candidates of some queries, with the columns of `schemas.LEDGER`.

    Negatives that were drawn at random and are no candidates stand behind them, without a rank. If
    several retrievers were joined, the columns are those of `schemas.joined_ledger`.
    """
    return pa.concat_tables([_ledger_rows(part, dataset) for part in _parts(result)])


def to_negatives(
    result: MiningResult, dataset: IndexedDataset, positive_scores: NDArray[np.float32]
) -> pa.Table:
    """The negatives of some queries, with the columns of `schemas.HARD_NEGATIVES`.

    Args:
        result: What became of the candidates.
        dataset: The dataset that is mined.
        positive_scores: The score of each positive, of the shape of `dataset.positives.documents`.
    """
    positives = dataset.positives
    positive_ids = _lists(positives, dataset.document_ids.take(pa.array(positives.documents)))
    scores = _lists(positives, pa.array(positive_scores))
    return pa.concat_tables(
        [_negative_rows(part, dataset, positive_ids, scores) for part in _parts(result)]
    )


@dataclass(frozen=True)
class _Part:
    """Results of which all have a rank, or none; `is_random` is of their shape."""

    result: MiningResult
    is_random: NDArray[np.bool_]
    has_ranks: bool

    @property
    def retrievers(self) -> tuple[str, ...]:
        """The retrievers whose finds were joined; none if the encoder alone has ranked."""
        return self.result.block.retrievers

    def sources(self, which: NDArray[np.bool_]) -> pa.DictionaryArray:
        """The sources of some of the documents."""
        ranks = self.result.block.ranks
        if ranks is None:
            codes, names = self.is_random[which].astype(np.int64), [DENSE, RANDOM]
        else:
            # a bit for each retriever, and none of them for what was drawn
            is_found = (ranks[which] >= 0) & ~self.is_random[which][:, None]
            found, codes = np.unique(
                is_found @ (1 << np.arange(len(self.retrievers))), return_inverse=True
            )
            names = [self._name(int(bits)) for bits in found]
        return pa.DictionaryArray.from_arrays(
            pa.array(codes.astype(np.int8)), pa.array(names, pa.string())
        )

    def _name(self, bits: int) -> str:
        names = [name for number, name in enumerate(self.retrievers) if bits >> number & 1]
        return AND.join(names) or RANDOM

    def retriever_ranks(self, which: NDArray[np.bool_]) -> list[pa.Array]:
        """The rank of some of the documents for each retriever."""
        ranks = self.result.block.ranks
        if ranks is None:
            return []
        return [
            pa.array(ranks[which][:, i], mask=ranks[which][:, i] < 0) for i in range(ranks.shape[2])
        ]

    def ranks(self, places: NDArray[np.int64]) -> pa.Array:
        """The ranks of documents, which are their places if they have any."""
        if not self.has_ranks:
            return pa.nulls(len(places), pa.int32())
        return pa.array(places.astype(np.int32))


def _parts(result: MiningResult) -> list[_Part]:
    shape = result.chosen.shape
    is_random = np.zeros(shape, bool) if result.is_random is None else result.is_random
    parts = [_Part(result, is_random, True)]
    if result.random is not None:
        drawn = result.random
        block = drawn.block
        if result.block.ranks is not None:
            # what nobody has found, in the columns of the others
            ranks = np.full((*block.documents.shape, result.block.ranks.shape[2]), -1, np.int32)
            block = replace(block, retrievers=result.block.retrievers, ranks=ranks)
        drawn = replace(drawn, block=block)
        parts.append(_Part(drawn, np.ones(drawn.chosen.shape, bool), False))
    return parts


def _ledger_rows(part: _Part, dataset: IndexedDataset) -> pa.Table:
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
        _numbers(result.decisions.values, there),
        _numbers(result.decisions.limits, there),
        pa.array(result.margin[there]),
        pa.array(result.features.positive_similarity[there]),
        _numbers(result.features.probability, there),
        _numbers(result.features.teacher_scores, there),
        *part.retriever_ranks(there),
    ]
    return pa.table(columns, schema=schemas.joined_ledger(part.retrievers))


def _negative_rows(
    part: _Part, dataset: IndexedDataset, positive_ids: pa.ListArray, scores: pa.ListArray
) -> pa.Table:
    result = part.result
    chosen = result.chosen
    query, place = np.nonzero(chosen)
    rows = pa.array(result.block.queries[query])
    columns = [
        dataset.query_ids.take(rows),
        dataset.document_ids.take(pa.array(result.block.documents[chosen])),
        part.sources(chosen).cast(pa.string()),
        part.ranks(place),
        pa.array(result.block.scores[chosen]),
        pa.array(result.margin[chosen]),
        pa.array(result.features.positive_similarity[chosen]),
        _numbers(result.features.probability, chosen),
        _numbers(result.features.teacher_scores, chosen),
        positive_ids.take(rows),
        scores.take(rows),
    ]
    return pa.table(columns, schema=schemas.HARD_NEGATIVES)


def _lists(positives: DocumentsByQuery, values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(positives.starts.astype(np.int32)), values)


def _ids(ids: Ids, rows: NDArray[np.int64]) -> pa.DictionaryArray:
    """Ids as a dictionary: a ledger repeats each of them many times."""
    used, codes = np.unique(rows, return_inverse=True)
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), ids.take(pa.array(used))
    )


def _numbers(values: NDArray[np.float32] | None, which: NDArray[np.bool_]) -> pa.Array:
    """Some of the numbers, null for NaN; all null if there are none."""
    if values is None:
        return pa.nulls(int(which.sum()), pa.float32())
    return pa.array(values[which], mask=np.isnan(values[which]))
