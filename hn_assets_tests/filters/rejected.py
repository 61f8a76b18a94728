"""What a filter rejects of a small dataset, in which documents are ranked by their number."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hn_assets.filters.all_filters import active_filters
from hn_assets.filters.base.filter import FilterInputs
from hn_assets.settings.filters import FiltersSettings
from hn_assets_tests.mining.output.ledger_rows import Row, assert_sentences, ledger_of
from hn_assets_tests.mining.ranked_dataset import RankedDataset


@dataclass(frozen=True)
class Rejected:
    """What a filter rejected for the query, whose positive is d2.

    Attributes:
        documents: The ids of what was rejected, best ranked first.
        value: The number that was looked at for the first of them.
        limit: What it was compared with.
    """

    documents: list[str]
    value: float
    limit: float


def rejected_by(reason: str, **limits: Any) -> Rejected:
    """What the filters of these settings reject for `reason`, the only one that they give.

    Everything else is chosen, and every line of the ledger is a whole sentence.
    """
    filters = FiltersSettings.model_validate({**limits, "max_search_depth": 0})
    rows = ledger_of(RankedDataset(), filters, range_max=10, num_negatives=10)
    assert_sentences(rows, [reason])
    assert {row["outcome"] for row in rows} <= {reason, "chosen", "positive"}
    found = [row for row in rows if row["outcome"] == reason]
    return Rejected([row["doc_id"] for row in found], found[0]["value"], found[0]["limit"])


def ledger_of_text_filter(folder: Path, filters: FiltersSettings) -> list[Row]:
    """The ledger of a filter that reads texts, where d1 has the words of the positive d2.

    Args:
        folder: Where the filter's files lie.
        filters: The settings of the filter.
    """
    dataset = RankedDataset()
    positives = dataset.indexed.positives
    texts = [f"the passage that has the number {i}" for i in range(10)]
    texts[1] = f"{texts[2]} again"
    inputs = FilterInputs(
        folder,
        ["q0"],
        lambda: ["which number?"],
        positives.queries(),
        positives.documents,
        texts=lambda: texts,
    )
    prepared = active_filters(filters)
    for one in prepared:
        one.prepare(inputs)
    return ledger_of(dataset, prepared=prepared)
