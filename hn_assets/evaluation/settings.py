"""The settings of the checks: what a refresh may look like and still be trained on."""

from pydantic import Field

from hn_assets.settings import Settings


class CheckSettings(Settings):
    """Limits; a refresh beyond one of them is stopped before the training set is replaced."""

    largest_loss: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description=(
            "share of the documents, mined queries or positives of the last training set that a "
            "refresh may lack"
        ),
    )
    largest_change: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of the last training set's texts that may be gone or changed",
    )
    most_repeated: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="share of the documents that may have the text of another one",
    )
    least_recall: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="mean share of a query's positives that the rankings must hold, at full depth",
    )
    least_index_recall: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="share of the truly best documents that an approximate index must find",
    )
    largest_drop: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="nDCG@10 of the evaluation split may be lower than at the last training set by",
    )
    least_full: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of the mined queries that must have as many negatives as wanted",
    )
    fresh_days: float | None = Field(
        default=None,
        gt=0,
        description=(
            "warn, every morning at six, when the training set was not refreshed for so many days; "
            "default: never"
        ),
    )
