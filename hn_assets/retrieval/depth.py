"""How deep rankings must be for the mining range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hn_assets.settings.mining import DEFAULT_RANGE, MiningSettings
from hn_assets.settings.search import MOST_POSITIVES, SearchSettings

if TYPE_CHECKING:
    import pandas as pd


def resolved_depth(settings: SearchSettings, mining: MiningSettings) -> dict[str, int | str]:
    """The settings that decide the depth, every default resolved, as JSON can hold them."""
    if settings.depth is not None:
        return {"depth": settings.depth}
    return {"range_max": mining.range_or(DEFAULT_RANGE)[1], "range_counts": mining.range_counts}


def wanted_depth(settings: SearchSettings, mining: MiningSettings, qrels: pd.DataFrame) -> int:
    """The depth asked for, or what the mining range needs with positives taken out.

    Of a query's positives, `MOST_POSITIVES` are allowed for.

    Args:
        settings: Of the search; its `depth` wins.
        mining: Of mining, for the range, the split, and how the range counts.
        qrels: Columns query_id, doc_id, score, split.
    """
    end = mining.range_or(DEFAULT_RANGE)[1]
    if settings.depth is not None:
        return settings.depth
    if mining.range_counts == "including_positives":
        return end
    mined = qrels[(qrels.score > 0) & (qrels.split == mining.split)]
    most = int(mined.groupby("query_id").size().max()) if len(mined) else 0
    return end + min(most, MOST_POSITIVES)
