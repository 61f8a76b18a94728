"""The settings of the checks: what a refresh may look like and still be trained on."""

from pydantic import Field

from hn_assets.settings_base import Settings


class CheckSettings(Settings):
    """Limits; a refresh beyond one of them is stopped before the training set is replaced."""

    max_size_loss: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description=(
            "share of the documents, mined queries or positives of the last training set that a "
            "refresh may lack"
        ),
    )
    max_text_change: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of the last training set's texts that may be gone or changed",
    )
    max_duplicate_share: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="share of the documents that may have the text of another one",
    )
    min_recall: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="mean share of a query's positives that the rankings must hold, at full depth",
    )
    min_index_recall: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="share of the truly best documents that an approximate index must find",
    )
    max_ndcg_drop: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="nDCG@10 of the evaluation split may be lower than at the last training set by",
    )
    min_full_query_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of the mined queries that must have as many negatives as wanted",
    )
    max_age_days: float | None = Field(
        default=None,
        gt=0,
        description=(
            "warn, every morning at six, when the training set was not refreshed for so many days; "
            "default: never"
        ),
    )
