"""The YAML section `export`: which training files are written.

The formats stand in `hn_assets.export.formats`, each with its name and description.
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from hn_assets.export.formats import FORMATS
from hn_assets.settings_base import Settings

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(FORMATS)]


class ExportSettings(Settings):
    """Which training files are written."""

    changeable_by_runs: ClassVar[tuple[str, ...]] = ("formats",)

    formats: list[FormatName] = Field(
        default=["flagembedding", "triplet"],
        min_length=1,
        description="; ".join(f"`{name}`: {kind.description}" for name, kind in FORMATS.items()),
    )

    @field_validator("formats")
    @classmethod
    def _check_formats(cls, formats: list[str]) -> list[str]:
        if len(set(formats)) < len(formats):
            raise ValueError("export.formats names a format twice")
        return formats
