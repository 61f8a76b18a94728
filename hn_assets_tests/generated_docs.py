"""The parts of the documentation that are made from the code.

`python -m hn_assets_tests.generated_docs` writes them into the pages; a test compares them.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hn_assets.settings.reference import settings_table

ROOT = Path(__file__).parents[1]


class GeneratedBlock(NamedTuple):
    """A part of a page, between `<!-- name -->` and `<!-- /name -->`.

    Attributes:
        page: The page, relative to the root of the repository.
        name: The name of the block.
        make: Returns the text of the block.
    """

    page: str
    name: str
    make: Callable[[], str]

    @property
    def path(self) -> Path:
        """The file of the page."""
        return ROOT / self.page

    def written(self) -> str:
        """The text that stands in the page."""
        return self._pattern().findall(self.path.read_text(encoding="utf-8"))[0]

    def write(self) -> None:
        """Put the text that the code gives into the page."""
        block = f"<!-- {self.name} -->\n{self.make()}\n<!-- /{self.name} -->"
        text = self.path.read_text(encoding="utf-8")
        self.path.write_text(self._pattern().sub(lambda _: block, text), encoding="utf-8")

    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"<!-- {self.name} -->\n(.*?)\n?<!-- /{self.name} -->", re.DOTALL)


def packages() -> str:
    """Each package with its docstring, as a list.

    The files are parsed and not imported, as the documentation is about what stands in them.
    """
    entries: list[str] = []
    root = ROOT / "hn_assets"
    for path in sorted(root.rglob("__init__.py")):
        if path.parent == root:
            continue
        name = ".".join(path.parent.relative_to(root).parts)
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        entries.append(f"- **`{name}`**: {' '.join(doc.split())}")
    return "\n".join(entries)


def formats() -> str:
    """The table of the formats of training files."""
    from hn_assets.export.formats import format_table

    return format_table()


BLOCKS = (
    GeneratedBlock("docs/settings.md", "settings", settings_table),
    GeneratedBlock("docs/own-dataset.md", "formats", formats),
    GeneratedBlock("docs/design.md", "packages", packages),
)


def main() -> None:
    """Write every block."""
    for block in BLOCKS:
        block.write()


if __name__ == "__main__":
    main()
