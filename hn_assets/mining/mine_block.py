"""Mine one block of queries: candidates in, the rows of ledger and negatives out."""

from dataclasses import dataclass

import pyarrow as pa

from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.miner import Miner
from hn_assets.mining.output.chosen_negatives import number_negatives
from hn_assets.mining.output.ledger import to_ledger
from hn_assets.mining.output.mining_report import MiningCounts


@dataclass(frozen=True)
class MinedBlock:
    """What came of a block.

    Attributes:
        ledger: What became of every candidate, in the order in which it is written down; tables
            with the columns of `schemas.joined_ledger`.
        negatives: The negatives; tables with the columns of `chosen_negatives.NUMBERS`.
        counts: What is counted of the block.
    """

    ledger: list[pa.Table]
    negatives: list[pa.Table]
    counts: MiningCounts


def mine_block(miner: Miner, block: CandidateBlock, *, with_ledger: bool = True) -> MinedBlock:
    """Mine a block; what comes of it depends on no other block.

    Args:
        miner: What mines; nothing that it has counted before stands in the counts of the block.
        block: The candidates of some queries.
        with_ledger: Whether the ledger is wanted; else it is empty.
    """
    before = miner.counts
    miner.counts = MiningCounts()
    try:
        ledger: list[pa.Table] = []
        negatives: list[pa.Table] = []
        for result in miner.mine(block):
            if with_ledger:
                ledger.append(to_ledger(result, miner.dataset))
            negatives.append(number_negatives(result))
        return MinedBlock(ledger, negatives, miner.counts)
    finally:
        miner.counts = before
