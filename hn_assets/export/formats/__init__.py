"""One module per format of training files.

A module defines one subclass of `hn_assets.export.base.format.Format`. The modules are discovered:
adding a format is adding a module, and nothing else.
"""

import sys

from hn_assets.discovery import subclasses_in
from hn_assets.export.base.format import Format


def _discover() -> dict[str, Format]:
    """An instance of each format, by its name, in the order of the names of the modules.

    Raises:
        TypeError: Two formats have the same name.
    """
    formats: dict[str, Format] = {}
    for found in subclasses_in(sys.modules[__name__], Format):
        if found.name in formats:
            raise TypeError(f"{found} and {formats[found.name]} are both called {found.name!r}")
        formats[found.name] = found()  # type: ignore[abstract]
    return formats


FORMATS = _discover()


def format_table() -> str:
    """The formats as a Markdown table: name, files with their columns, and what reads them."""
    lines = [
        "| format | files and their columns | with a teacher | read by |",
        "| --- | --- | --- | --- |",
    ]
    for name, kind in FORMATS.items():
        files = "<br>".join(f"`{file}`: {columns}" for file, columns in kind.files.items())
        lines.append(f"| `{name}` | {files} | {kind.with_teacher} | {kind.read_by} |")
    return "\n".join(lines)
