"""The settings of the export room."""

from typing import Literal

from pydantic import Field, field_validator

from hn_assets.settings_base import Settings

Format = Literal["flagembedding", "triplet", "n-tuple", "labeled-pair", "labeled-list"]


class ExportSettings(Settings):
    """Which training files are written."""

    formats: list[Format] = Field(
        default=["flagembedding", "triplet"],
        min_length=1,
        description=(
            "`flagembedding`: JSONL of query, pos, neg; the others are sentence-transformers' "
            "shapes as Parquet: `triplet`, `n-tuple`, `labeled-pair`, `labeled-list`"
        ),
    )

    @field_validator("formats")
    @classmethod
    def _check_formats(cls, formats: list[Format]) -> list[Format]:
        if len(set(formats)) < len(formats):
            raise ValueError("export.formats names a format twice")
        return formats
