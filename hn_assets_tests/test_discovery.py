"""Classes are found in the modules of a package, in a fixed order."""

import importlib
import sys
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from hn_assets.discovery import subclasses_in


class Shape(ABC):
    @abstractmethod
    def area(self) -> float: ...


SQUARE = """
from hn_assets_tests.test_discovery import Shape

class Square(Shape):
    def area(self):
        return 1.0

class Rectangle(Shape):
    def area(self):
        return 2.0

class Polygon(Shape):
    pass

class Other:
    pass
"""
CIRCLE = """
from shapes_of_a_test.square import Square

class Circle(Square):
    pass
"""


def test_concrete_subclasses_are_found_by_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "shapes_of_a_test"
    package.mkdir()
    for name, text in (("__init__", ""), ("square", SQUARE), ("circle", CIRCLE)):
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        found = subclasses_in(importlib.import_module("shapes_of_a_test"), Shape)
    finally:
        for name in [name for name in sys.modules if name.startswith("shapes_of_a_test")]:
            del sys.modules[name]
    assert [cls.__name__ for cls in found] == ["Circle", "Square", "Rectangle"]
