"""The YAML section `suspect_positives`: positives that look like none."""

from pydantic import Field

from hn_assets.settings_base import Settings


class SuspectPositivesSettings(Settings):
    """Which suspect positives are listed, and whether they are trained on.

    Without the section `suspect_positives` none are looked for.
    """

    max_rows: int = Field(
        default=200,
        ge=1,
        le=10_000,
        description="positives on the page and in the CSV, the most suspicious first",
    )
    leave_out_share: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description=(
            "the share of the mined split's positives, the most suspicious, that is left out of "
            "the training files and of training; they become no negatives either"
        ),
    )
    seed: int = Field(
        default=42, ge=0, description="of the documents that positives are compared with"
    )
