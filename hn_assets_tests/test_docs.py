"""The docs say what the code says, and every page can be reached."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_what_the_code_says(generate: ModuleType) -> None:
    outdated = [path.name for path in generate.outdated_pages()]
    assert not outdated, "run `make docs` and commit what it writes"


def test_every_table_stands_on_a_page(generate: ModuleType) -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))
    marked = re.findall(r"<!-- table: (\w+) -->", pages)
    assert sorted(marked) == sorted(generate.TABLES)


def test_a_table_replaces_what_stood_between_its_markers(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(generate.TABLES, "fruit", lambda: r"| \d apples |")
    page = tmp_path / "page.md"
    page.write_text("Before.\n<!-- table: fruit -->\nold\n<!-- /table -->\nAfter.\n")
    (path, text), *others = generate.outdated_pages(tmp_path).items()
    assert (path, others) == (page, [])
    assert text.splitlines()[0] == "Before."
    assert text.splitlines()[-1] == "After."
    assert r"| \d apples |" in text
    assert "old" not in text
    page.write_text(text)
    assert generate.outdated_pages(tmp_path) == {}


def test_every_page_is_in_the_navigation() -> None:
    config = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r": ([\w-]+\.md)$", config.split("\nnav:")[1].split("\nplugins:")[0], re.M)
    assert sorted(named) == sorted(path.name for path in DOCS.glob("*.md"))
