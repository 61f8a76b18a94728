"""What came of mining, counted block by block."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hn_assets.errors import MiningError
from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.mining.output.mining_result import MiningResult
from hn_assets.mining.rules.reasons import REASONS

SHORT_QUERIES_NAMED = 20


@dataclass(frozen=True)
class MiningReport:
    """What came of mining.

    Attributes:
        queries: How many queries of the mined split have a positive.
        without_positives: How many queries of the split have none and were not mined.
        enough: How many queries have as many negatives as wanted.
        too_few: How many queries have some negatives, but fewer than wanted.
        none: How many queries have no negative.
        dropped: How many queries with fewer negatives than wanted `on_shortage: drop` took out.
        deepened: How many queries were searched deeper because the filters left too few
            candidates.
        left_short: How many queries were left so and not searched deeper, as the budget of deeper
            searches did not allow it.
        candidates: How many candidates were looked at.
        negatives: How many negatives there are.
        random: How many of them were drawn at random from the whole corpus.
        rejected: How many candidates were not chosen, by the label of the reason.
        short_queries: The ids of the first queries with fewer negatives than wanted, by id.
    """

    queries: int
    without_positives: int
    enough: int
    too_few: int
    none: int
    dropped: int
    deepened: int
    candidates: int
    negatives: int
    random: int = 0
    left_short: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    short_queries: list[str] = field(default_factory=list)


class MiningCounts:
    """Counts what became of candidates, and makes the report.

    Attributes:
        deepened: How many queries were searched deeper.
        left_short: How many queries the budget of deeper searches left short.
        depth: The most ranks that a query had.
    """

    def __init__(self) -> None:
        # of each part of the queries: their rows, how many negatives they have, how many at random
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
        self._reasons = np.zeros(len(REASONS), np.int64)
        self._candidates = 0
        self.deepened = 0
        self.left_short = 0
        self.depth = 0

    def add(self, result: MiningResult, found: NDArray[np.int64]) -> None:
        """Count what became of the candidates of some queries.

        Args:
            result: What became of them.
            found: How many negatives each query had before those with too few were dropped;
                int64, (queries,).
        """
        codes = result.decisions.codes
        self._parts.append((result.block.queries, found, result.count_random()))
        rejected = codes[(codes >= 0) & (codes < len(REASONS))]
        self._reasons += np.bincount(rejected, minlength=len(REASONS))
        self._candidates += int((codes < len(REASONS)).sum())
        self.depth = max(self.depth, codes.shape[1])

    def join(self, other: "MiningCounts") -> None:
        """Add what was counted of other queries."""
        self._parts += other._parts
        self._reasons += other._reasons
        self._candidates += other._candidates
        self.deepened += other.deepened
        self.left_short += other.left_short
        self.depth = max(self.depth, other.depth)

    def report(self, dataset: IndexedDataset, wanted: int, on_shortage: str) -> MiningReport:
        """What came of all blocks.

        Args:
            dataset: The dataset that is mined.
            wanted: How many negatives are wanted per query.
            on_shortage: What becomes of queries with fewer negatives than wanted.

        Raises:
            MiningError: Queries have fewer negatives than wanted, and `on_shortage` is `error`.
        """
        negatives = np.zeros(len(dataset.query_ids), np.int64)
        for queries, found, _ in self._parts:
            negatives[queries] = found
        counts = negatives[dataset.mined]
        ids = np.array(list(dataset.query_ids), dtype=object)[dataset.mined]
        short = np.sort(ids[counts < wanted])
        if len(short) and on_shortage == "error":
            raise MiningError(
                f"{len(short)} of {len(counts)} queries have fewer than {wanted} negatives "
                f"({_name_some(short)}), and mining.on_shortage is error. Widen the range of "
                f"mining, ask for fewer negatives, relax the filters, or keep or drop these queries"
            )
        drops = on_shortage == "drop"
        return MiningReport(
            queries=len(counts),
            without_positives=dataset.without_positives,
            enough=int((counts >= wanted).sum()),
            too_few=int(((counts > 0) & (counts < wanted)).sum()),
            none=int((counts == 0).sum()),
            dropped=len(short) if drops else 0,
            deepened=self.deepened,
            candidates=self._candidates,
            negatives=int((counts[counts >= wanted] if drops else counts).sum()),
            random=sum(int(random.sum()) for _, _, random in self._parts),
            left_short=self.left_short,
            rejected={
                reason.label: int(count)
                for reason, count in zip(REASONS, self._reasons, strict=True)
                if count
            },
            short_queries=[str(query) for query in short[:SHORT_QUERIES_NAMED]],
        )


def _name_some(ids: NDArray) -> str:
    names = ", ".join(repr(str(i)) for i in ids[:5])
    return names + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
