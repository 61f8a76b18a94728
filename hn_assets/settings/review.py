"""The YAML section `review`: a sample of the negatives that people judge, and their verdicts."""

from pydantic import Field

from hn_assets.settings_base import Settings


class ReviewSettings(Settings):
    """How many negatives are drawn for review, and where the verdicts are.

    Without the section `review` no sample is drawn.
    """

    num_negatives: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description=(
            "chosen negatives to judge, drawn at random; the metadata of review_sample say what so "
            "many verdicts can show"
        ),
    )
    num_positives: int = Field(
        default=20,
        ge=0,
        le=1_000,
        description=(
            "known positives among them, which measure how many relevant passages a reviewer misses"
        ),
    )
    num_random_documents: int = Field(
        default=20,
        ge=0,
        le=1_000,
        description=(
            "documents from anywhere in the corpus among them, which measure how often a reviewer "
            "calls something relevant that is not"
        ),
    )
    num_repeats: int = Field(
        default=10,
        ge=0,
        le=1_000,
        description="drawn negatives that are shown twice, to see how often verdicts agree",
    )
    seed: int = Field(default=42, ge=0, description="of the draws")
    verdicts: str = Field(
        default="",
        description=(
            "CSV file of the verdicts, as the page of review_sample saves it, or any with "
            "query_id, doc_id and verdict (`relevant`, `not relevant` or `unsure`): the rate is "
            "measured by it, and what is relevant becomes a positive"
        ),
    )
    min_unchanged_share: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description=(
            "the share of the reviewed negatives that must still be negatives, those judged "
            "relevant left out; else the verdicts are of other negatives, and are only labels"
        ),
    )
