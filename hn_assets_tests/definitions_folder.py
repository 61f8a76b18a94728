"""The definitions of one YAML file, built in this process as Dagster builds those of a project."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import dagster as dg

_PROJECT = "project_of_a_test"


def build_definitions_of(folder: Path, content: str | bytes) -> dg.Definitions:
    """Write `defs/animals/defs.yaml` into a folder, and build what it defines."""
    path = folder / "defs" / "animals" / "defs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with _module(folder) as module:
        return dg.ComponentTree(defs_module=module, project_root=folder).build_defs()


@contextmanager
def _module(folder: Path) -> Iterator[ModuleType]:
    names = (_PROJECT, f"{_PROJECT}.defs")
    for name in names:
        module = ModuleType(name)
        place = folder.joinpath(*name.split(".")[1:])
        module.__file__, module.__path__ = str(place / "__init__.py"), [str(place)]
        sys.modules[name] = module
    try:
        yield sys.modules[names[-1]]
    finally:
        for name in names:
            sys.modules.pop(name, None)
