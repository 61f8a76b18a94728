"""The README's reference is the code's."""

from pathlib import Path

from hn_assets.settings.reference import settings_table

README = Path(__file__).parents[1] / "README.md"


def test_the_table_of_settings_is_what_the_classes_say() -> None:
    text = README.read_text(encoding="utf-8")
    table = text.split("<!-- settings -->\n")[1].split("\n<!-- /settings -->")[0]
    assert table == settings_table(), "paste what `hn-assets settings` prints"


def test_every_setting_is_explained() -> None:
    rows = [line.split(" | ") for line in settings_table().splitlines()[2:]]
    assert len(rows) > 40
    unexplained = [row[0] for row in rows if len(row[-1].strip(" |")) < 10]
    assert not unexplained
