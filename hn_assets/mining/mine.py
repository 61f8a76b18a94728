"""Mine: take out what is never a negative, cut the window, sample, and count what happened."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from hn_assets.errors import MiningError
from hn_assets.mining.exclusion import KEPT, REASONS, Texts, exclude
from hn_assets.mining.sampling import random_keys
from hn_assets.mining.settings import MiningSettings


@dataclass(frozen=True)
class MiningReport:
    """What mining found.

    Attributes:
        queries: of the mined split, with at least one positive.
        without_positives: queries of the split that have none: not mined.
        enough: queries with as many negatives as wanted.
        too_few: queries with some, but fewer.
        none: queries without any.
        dropped: queries with fewer than wanted, taken out by `on_shortage: drop`.
        negatives: chosen in all.
        excluded: candidates that can never be negatives, by reason.
        short_queries: ids of up to 20 queries with fewer negatives than wanted.
    """

    queries: int
    without_positives: int
    enough: int
    too_few: int
    none: int
    dropped: int
    negatives: int
    excluded: dict[str, int] = field(default_factory=dict)
    short_queries: list[str] = field(default_factory=list)


class Miner:
    """Chooses the hard negatives of a split, a block of queries at a time.

    Args:
        qrels: query_id, doc_id, score, split; relevant where score > 0.
        queries: id, split.
        texts: the texts of all documents and queries, as numbers.
        settings: window, sampling, shortage.

    Raises:
        MiningError: no query has a positive.
    """

    def __init__(
        self, qrels: pd.DataFrame, queries: pd.DataFrame, texts: Texts, settings: MiningSettings
    ) -> None:
        self._settings = settings
        self._texts = texts
        self._relevant = qrels[qrels.score > 0]
        of_split = queries.id[queries.split == settings.split]
        with_positives = set(self._relevant.query_id[self._relevant.split == settings.split])
        mined = [query for query in of_split if query in with_positives]
        if not mined:
            raise MiningError(
                f"no query of the split {settings.split!r} has a positive: there is nothing to "
                f"mine against. The splits are {', '.join(sorted(set(queries.split)))}"
            )
        self._without_positives = len(of_split) - len(mined)
        self._counts = pd.Series(0, index=pd.Index(sorted(mined)))
        self._excluded = np.zeros(len(REASONS), np.int64)
        self._depth = 0

    def mine(self, candidates: pd.DataFrame) -> pd.DataFrame:
        """The chosen rows of `candidates`, by query id and rank.

        Args:
            candidates: query_id, doc_id, rank, score; all of some queries, in rank order.

        Raises:
            StoreError: a document is ranked that the corpus does not have.
        """
        pool = candidates[candidates.query_id.isin(self._counts.index)].reset_index(drop=True)
        if not len(pool):
            return candidates.iloc[:0]
        reasons = exclude(pool, self._relevant, self._texts)
        self._excluded += np.bincount(reasons[reasons >= 0], minlength=len(REASONS))
        self._depth = max(self._depth, int(pool["rank"].max()) + 1)
        chosen = _choose(_cut_window(pool, reasons, self._settings), self._settings)
        counts = chosen.groupby("query_id").size()
        self._counts[counts.index] = counts
        if self._settings.on_shortage == "drop":
            enough = counts.index[counts >= self._settings.negatives]
            chosen = chosen[chosen.query_id.isin(enough)]
        return chosen

    def report(self) -> MiningReport:
        """What came of all blocks.

        Raises:
            MiningError: no query has a negative, or queries are short and `on_shortage` is
                `error`.
        """
        counts, settings = self._counts, self._settings
        short = counts.index[counts < settings.negatives]
        if len(short) and settings.on_shortage == "error":
            raise MiningError(
                f"{len(short)} of {len(counts)} queries have fewer than {settings.negatives} "
                f"negatives ({_name_some(short)}), and mining.on_shortage is error. Widen "
                f"mining.range, ask for fewer negatives, or keep or drop these queries"
            )
        drops = settings.on_shortage == "drop"
        negatives = int((counts[counts >= settings.negatives] if drops else counts).sum())
        if not negatives:
            raise MiningError(
                f"no query has a negative: the range {settings.range} holds no candidate that "
                f"may be one. The rankings are {self._depth} deep; set mining.range within that, "
                f"or search deeper"
            )
        return MiningReport(
            queries=len(counts),
            without_positives=self._without_positives,
            enough=int((counts >= settings.negatives).sum()),
            too_few=int(((counts > 0) & (counts < settings.negatives)).sum()),
            none=int((counts == 0).sum()),
            dropped=len(short) if drops else 0,
            negatives=negatives,
            excluded={name: int(self._excluded[code]) for code, name in enumerate(REASONS)},
            short_queries=[str(query) for query in short[:20]],
        )


def _cut_window(pool: pd.DataFrame, reasons: np.ndarray, settings: MiningSettings) -> pd.DataFrame:
    start, end = settings.range
    if settings.window == "before_positives":
        place = pool["rank"]
        return pool[(place >= start) & (place < end) & (reasons == KEPT)]
    left = pool[reasons == KEPT]
    place = left.groupby("query_id", sort=False).cumcount()
    return left[(place >= start) & (place < end)]


def _choose(window: pd.DataFrame, settings: MiningSettings) -> pd.DataFrame:
    if settings.sampling == "random":
        keys = random_keys(window.query_id, window.doc_id, settings.seed)
        # the id decides the (all but impossible) tie of two keys
        window = window.assign(key=keys).sort_values(["query_id", "key", "doc_id"], kind="stable")
    chosen = window.groupby("query_id", sort=False).head(settings.negatives)
    chosen = chosen.sort_values(["query_id", "rank"], kind="stable")
    return chosen[["query_id", "doc_id", "rank", "score"]]


def _name_some(ids: pd.Index) -> str:
    names = ", ".join(repr(str(i)) for i in ids[:5])
    return names + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
