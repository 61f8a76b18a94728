"""What mining found, in parts of which all have a rank or none, for the tables that it writes."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hn_assets.mining.output.mining_result import MiningResult
from hn_assets.mining.output.sources import AND, DENSE, RANDOM


@dataclass(frozen=True)
class ResultPart:
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


def parts_of(result: MiningResult) -> list[ResultPart]:
    """What became of the candidates, and of other documents that were drawn, if any were."""
    shape = result.chosen.shape
    is_random = np.zeros(shape, bool) if result.is_random is None else result.is_random
    parts = [ResultPart(result, is_random, True)]
    if result.random is not None:
        drawn = result.random
        block = drawn.block
        if result.block.ranks is not None:
            # what nobody has found, in the columns of the others
            ranks = np.full((*block.documents.shape, result.block.ranks.shape[2]), -1, np.int32)
            block = replace(block, retrievers=result.block.retrievers, ranks=ranks)
        drawn = replace(drawn, block=block)
        parts.append(ResultPart(drawn, np.ones(drawn.chosen.shape, bool), False))
    return parts


def numbers_of(values: NDArray[np.float32] | None, which: NDArray[np.bool_]) -> pa.Array:
    """Some of the numbers, null for NaN; all null if there are none."""
    if values is None:
        return pa.nulls(int(which.sum()), pa.float32())
    return pa.array(values[which], mask=np.isnan(values[which]))
