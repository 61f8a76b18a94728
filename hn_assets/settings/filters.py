"""The YAML section `filters`: which candidates may be negatives."""

from typing import Literal

from pydantic import Field

from hn_assets.settings_base import Settings


class FiltersSettings(Settings):
    """Which candidates may be negatives, beyond those that never are."""

    target_false_negative_rate: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description=(
            "take the hardest negatives that keep the rate of false negatives under this, as "
            "measured by hiding known positives; no threshold needs to be set. Where the qrels "
            "cannot support it, relative_margin 0.05 and the range [10, 210] at random take its "
            "place, and the metadata say so"
        ),
    )
    unlabelled_per_positive: float = Field(
        default=2.0,
        gt=0,
        description=(
            "how many relevant passages that nobody labelled to expect for each labelled one: what "
            "the rate is reckoned with. Labels of a few passages a query are far from complete"
        ),
    )
    max_score: float | None = Field(default=None, description="reject higher scores")
    min_score: float | None = Field(default=None, description="reject lower scores")
    absolute_margin: float | None = Field(
        default=None, description="reject what scores higher than the positives minus this"
    )
    relative_margin: float | None = Field(
        default=None,
        ge=0,
        description=(
            "reject what scores higher than the positives minus this share of their score; 0.05 "
            "is 5 percent"
        ),
    )
    margin_against: Literal["min", "mean", "max"] = Field(
        default="mean",
        description="which score of a query's positives the margins are measured from",
    )
    max_positive_similarity: float | None = Field(
        default=None, description="reject what has a higher cosine to a known positive"
    )
    near_duplicate_overlap: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description=(
            "reject what shares at least this part of the shingles (five words each) of itself or "
            "of a positive, whichever has fewer; 0.8 finds passages that hold one another"
        ),
    )
    answers: str = Field(
        default="",
        description=(
            "JSONL file of query_id and answers (a list of texts): a passage that holds an answer "
            "is rejected"
        ),
    )
    keep_judged_irrelevant: bool = Field(
        default=True,
        description=(
            "what the qrels call not relevant (score <= 0) passes the filters that look for "
            "relevance_estimate to a positive"
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
    reviewed_labels: str = Field(
        default="",
        description=(
            "CSV file of query_id, doc_id and verdict (`relevant` or `not relevant`), such as a "
            "filled-in likely_missing_labels.csv: verdicts become qrels of the query's split"
        ),
    )

    @property
    def is_calibrated(self) -> bool:
        """Whether a target rate decides, and no threshold of the user's."""
        return self.target_false_negative_rate is not None

    @property
    def filters(self) -> bool:
        """Whether anything may be rejected that is not rejected always."""
        return any(
            value is not None
            for value in (
                self.target_false_negative_rate,
                self.max_score,
                self.min_score,
                self.absolute_margin,
                self.relative_margin,
                self.max_positive_similarity,
                self.near_duplicate_overlap,
            )
        ) or bool(self.answers)
