"""The table of settings has every setting of every section, whatever the section is made of."""

from typing import Annotated, Literal

import pytest
from pydantic import Field, create_model

from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.reference import SettingRow, settings_rows, settings_table
from hn_assets.settings_base import Settings


class Column(Settings):
    """A column of a table."""

    name: str = Field(description="the name of the column")


class Folder(Settings):
    """A folder of files."""

    type: Literal["folder"]
    path: str = Field(description="the path of the folder")


class Table(Settings):
    """A table with columns.

    The second paragraph is not part of the table.
    """

    type: Literal["table"]
    key: Column = Field(description="the column of the ids")


class Margin(Settings):
    """A filter by the margin."""

    margin: float | None = Field(default=None, description="reject what scores higher")


class Overlap(Settings):
    """A filter by the overlap."""

    overlap: float = Field(default=0.5, description="reject what shares more words")


COMPOSED = create_model("Composed", __base__=(Margin, Overlap))


class Everything(Settings):
    """Settings with every kind of section."""

    source: Annotated[Folder | Table, Field(discriminator="type")]
    filters: COMPOSED = Field(default_factory=COMPOSED, description="the filters")  # type: ignore[valid-type]
    optional: Column | None = Field(default=None, description="a section that may be missing")
    several: list[Column] = Field(default_factory=list, description="a list of columns")
    named: dict[str, Column] = Field(default_factory=dict, description="columns by name")
    size: int | str = Field(default=3, description="a number or its name")
    formats: list[Literal["a", "b"]] = Field(default=["a", "b"], description="the files")
    on: bool = Field(default=True, description="whether it is on")
    depth: int | None = Field(default=None, description="the depth; default: unlimited")


def test_every_setting_has_a_row() -> None:
    assert list(settings_rows(Everything)) == [
        SettingRow("source (folder)", "section", "must be given", "A folder of files"),
        SettingRow("source (folder).path", "text", "must be given", "the path of the folder"),
        SettingRow("source (table)", "section", "must be given", "A table with columns"),
        SettingRow("source (table).key", "section", "must be given", "the column of the ids"),
        SettingRow("source (table).key.name", "text", "must be given", "the name of the column"),
        SettingRow("filters", "section", "optional", "the filters"),
        SettingRow("filters.overlap", "number", "`0.5`", "reject what shares more words"),
        SettingRow("filters.margin", "number", "none", "reject what scores higher"),
        SettingRow("optional", "section", "optional", "a section that may be missing"),
        SettingRow("optional.name", "text", "must be given", "the name of the column"),
        SettingRow("several", "list of sections", "optional", "a list of columns"),
        SettingRow("several.name", "text", "must be given", "the name of the column"),
        SettingRow("named", "sections by name", "optional", "columns by name"),
        SettingRow("named.name", "text", "must be given", "the name of the column"),
        SettingRow("size", "whole number or text", "`3`", "a number or its name"),
        SettingRow("formats", "list of `a`, `b`", "`a`, `b`", "the files"),
        SettingRow("on", "yes or no", "`true`", "whether it is on"),
        SettingRow("depth", "whole number", "see meaning", "the depth; default: unlimited"),
    ]


def test_a_bar_in_a_cell_does_not_end_the_cell() -> None:
    class Bar(Settings):
        """Settings with a bar."""

        mode: str = Field(default="a|b", description="a | b")

    assert settings_table(Bar).splitlines()[-1] == r"| `mode` | text | `a\|b` | a \| b |"


@pytest.mark.parametrize("name", ["source (table).corpus.path", "filters.max_score", "mining.seed"])
def test_the_settings_of_a_dataset_are_in_the_table(name: str) -> None:
    assert f"| `{name}` |" in settings_table()


def test_every_setting_of_a_dataset_is_explained() -> None:
    assert not [row.name for row in settings_rows(DatasetSettings) if len(row.meaning) < 10]
