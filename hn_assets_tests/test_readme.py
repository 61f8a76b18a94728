"""README and pages: their links lead somewhere, and their settings and examples are valid."""

import re
from pathlib import Path

import pytest
import yaml

from hn_assets.scaffold import TEMPLATE
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.reference import settings_table

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = sorted([README, *DOCS.glob("*.md"), ROOT / "benchmarks/README.md", ROOT / "data/README.md"])
MAX_README_LINES = 200

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_INCLUDE = re.compile(r'^--8<-- "([^":]+)(?::\w+)?"$', re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_SECTIONS = [name for name in DatasetSettings.model_fields if name != "dataset"]
_SETTING = re.compile(
    rf"`((?:{'|'.join(_SECTIONS)})\.(?!(?:csv|html|jsonl|parquet)\b)\w+)(?:: [^`]*)?`"
)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _prose(path: Path) -> str:
    """A page without its blocks of code, and with the files that it includes."""
    text = path.read_text(encoding="utf-8")
    text = _INCLUDE.sub(lambda found: (ROOT / found[1]).read_text(encoding="utf-8"), text)
    return _FENCE.sub("", text)


def _anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = (re.sub(r"[^\w\- ]", "", text.lower()) for text in _HEADING.findall(_prose(path)))
    return {heading.strip().replace(" ", "-") for heading in headings}


def _links(path: Path) -> list[str]:
    return [link for link in _LINK.findall(_prose(path)) if not re.match(r"\w+:", link)]


def _datasets() -> list[tuple[str, str]]:
    """Every dataset's YAML file that a page shows, with the name of the page."""
    blocks = [
        (_name(page), text)
        for page in PAGES
        for language, text in _FENCE.findall(page.read_text(encoding="utf-8"))
        if language == "yaml" and "attributes:" in text
    ]
    scaffolded = TEMPLATE.format(name="my_dataset")
    with_all_sections = scaffolded.replace("\n  # ", "\n  ")
    return [*blocks, ("scaffold.py", scaffolded), ("scaffold.py", with_all_sections)]


def _setting_names() -> set[str]:
    """The names of all settings; those of sources without the type in parentheses."""
    rows = (line.split("`")[1] for line in settings_table().splitlines()[2:])
    return {re.sub(r" \(\w+\)", "", row) for row in rows}


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in _links(page):
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{_name(page)} links to {link}, which does not exist"
        if anchor:
            assert anchor in _anchors(path), f"{_name(page)}: no heading of {target} is {anchor}"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=_name)
def test_pages_link_only_to_what_the_site_holds(page: Path) -> None:
    outside = [link for link in _links(page) if link.startswith("..")]
    assert not outside, f"the site does not hold {', '.join(outside)}"


@pytest.mark.parametrize(("page", "text"), _datasets())
def test_datasets_that_are_shown_are_valid(page: str, text: str) -> None:
    shown = yaml.safe_load(text)
    assert shown["type"] == "hn_assets.HardNegatives", page
    DatasetSettings.model_validate(shown["attributes"])


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_settings_that_are_named_exist(page: Path) -> None:
    if page.name == "design.md":  # names packages too, such as `mining.rules`
        return
    unknown = set(_SETTING.findall(_prose(page))) - _setting_names() - {"source.type"}
    assert not unknown, f"{_name(page)} names {', '.join(sorted(unknown))}"


def test_every_setting_is_explained() -> None:
    rows = [line.split(" | ") for line in settings_table().splitlines()[2:]]
    assert len(rows) > 40
    unexplained = [row[0] for row in rows if len(row[-1].strip(" |")) < 10]
    assert not unexplained
