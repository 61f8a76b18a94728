"""The YAML section `checks`: what a refresh may look like and still be trained on."""

from pydantic import Field

from hn_assets.settings_base import Settings


class CheckSettings(Settings):
    """Limits of the checks. A refresh beyond one of them never replaces the training set."""

    max_size_loss: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description=(
            "The greatest share of the last training set's documents, mined queries or positives "
            "that a refresh may lack."
        ),
    )
    max_text_change: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description=(
            "The greatest share of the last training set's texts that may be gone or changed."
        ),
    )
    max_unresolved_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description=(
            "The greatest share of the source's judgements that may name a query or a document "
            "that does not exist. They are dropped and counted."
        ),
    )
    max_duplicate_share: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="The greatest share of documents that may have the text of another document.",
    )
    min_recall: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description=(
            "The lowest mean share of a mined query's positives that the rankings must hold, at "
            "their full depth."
        ),
    )
    min_index_recall: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description=(
            "The lowest share of the documents found by exact search that an approximate index "
            "must find."
        ),
    )
    max_ndcg_drop: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description=(
            "How much lower nDCG@10 of the evaluation split may be than at the last training set."
        ),
    )
    min_full_query_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description=(
            "The lowest share of the mined queries that must have as many negatives as wanted."
        ),
    )
    max_age_days: float | None = Field(
        default=None,
        gt=0,
        description=(
            "The age in days from which on a training set is too old. A check looks every morning "
            "and warns; by default there is no such check."
        ),
    )
