"""The YAML section `filters`: which candidates may be negatives.

Most of its keys belong to a filter and stand in the filter's file, in `hn_assets/filters/kinds`.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, create_model

from hn_assets.filters.all_filters import active_filters, settings_classes
from hn_assets.settings_base import Settings

FREE_CANDIDATES = 10_000_000  # that deeper searches may look at whatever the budget

if TYPE_CHECKING:

    class _FilterKeys(Settings):
        """The keys of all filters: which they are is known when the package is imported."""

else:
    _FilterKeys = create_model("_FilterKeys", __base__=settings_classes("filters"))


class FiltersSettings(_FilterKeys):
    """Which candidates may be negatives, beyond those that never are."""

    changeable_by_runs: ClassVar[tuple[str, ...]] = (
        "keep_judged_irrelevant",
        "max_search_depth",
        "deeper_search_budget",
    )

    keep_judged_irrelevant: bool = Field(
        default=True,
        description=(
            "what the qrels call not relevant (score <= 0) passes the filters that reject what may "
            "be relevant"
        ),
    )
    max_search_depth: int = Field(
        default=2000,
        ge=0,
        description=(
            "a query that the filters leave short is searched deeper, and its range goes on, up "
            "to so many candidates; 0: never"
        ),
    )
    deeper_search_budget: float = Field(
        default=1.0,
        ge=0,
        description=(
            "how many candidates these deeper searches may look at together, as a multiple of all "
            f"that the rankings hold; {FREE_CANDIDATES:,} are always allowed. If more queries are "
            "short, a random choice of them, which depends on `mining.seed` and query id alone, is "
            "searched deeper, and the metadata count the others"
        ),
    )
    reviewed_labels: str = Field(
        default="",
        description=(
            "CSV file of query_id, doc_id and verdict (`relevant` or `not relevant`), such as a "
            "filled-in likely_missing_labels.csv: verdicts become qrels of the query's split"
        ),
    )

    if TYPE_CHECKING:

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, key: str) -> Any: ...

    @property
    def is_calibrated(self) -> bool:
        """Whether a target rate decides, and no threshold of the user's."""
        return self.target_false_negative_rate is not None

    @property
    def has_active_filters(self) -> bool:
        """Whether a filter may reject anything."""
        return bool(active_filters(self))
