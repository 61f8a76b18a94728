"""Write the tables of the docs that the code defines, between the markers that name them.

Usage: python docs/generate.py [--check]

A page holds a table between two comments, and anything else around them:

    <!-- table: settings -->
    <!-- /table -->
"""

import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path

from hn_assets.export.formats import format_table
from hn_assets.settings.reference import settings_table

DOCS = Path(__file__).parent
PACKAGE = DOCS.parent / "hn_assets"
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- /table -->)", re.DOTALL)


def package_table() -> str:
    """The packages as a Markdown table: what each is, and what belongs there and what does not.

    These are the docstrings of the `__init__.py` files, which are parsed and not imported.
    """
    lines = [
        "| package | what it is | what belongs there, and what does not |",
        "| --- | --- | --- |",
    ]
    for path in sorted(PACKAGE.rglob("__init__.py")):
        if path.parent == PACKAGE:
            continue
        name = ".".join(path.parent.relative_to(PACKAGE).parts)
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        summary, _, rest = docstring.partition("\n\n")
        cells = (f"`{name}`", " ".join(summary.split()), " ".join(rest.split()))
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    "formats": format_table,
    "packages": package_table,
    "settings": settings_table,
}


def with_tables(text: str) -> str:
    """A page's text with every marked table as the code has it now.

    Raises:
        KeyError: If a marker names no table.
    """
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", text)


def outdated_pages(folder: Path = DOCS) -> dict[Path, str]:
    """The pages whose tables differ from the code, with the text that they should have."""
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    current = {path: with_tables(text) for path, text in pages.items()}
    return {path: text for path, text in current.items() if text != pages[path]}


def main() -> None:
    """Rewrite the outdated pages; with --check, name them and fail instead."""
    outdated = outdated_pages()
    if "--check" in sys.argv[1:]:
        if outdated:
            names = ", ".join(path.name for path in outdated)
            sys.exit(f"out of date in docs/: {names}; run `make docs` and commit what it writes")
        return
    for path, text in outdated.items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote docs/{path.name}")


if __name__ == "__main__":
    main()
