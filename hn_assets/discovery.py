"""Find the classes that the modules of a package define.

A kind of source is one module in a package of such modules. Nothing lists the modules by name,
so adding one touches no other file.
"""

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import TypeVar

Base = TypeVar("Base")


def subclasses_in(package: ModuleType, base: type[Base]) -> list[type[Base]]:
    """Import every module of a package and collect the concrete subclasses of a class.

    Args:
        package: The package whose modules are imported. Its subpackages are not searched.
        base: The class whose subclasses are collected.

    Returns:
        The subclasses that a module of the package itself defines, in the order of the names of
        their modules and then as they stand in the module. Abstract classes and classes that a
        module only imports do not count.
    """
    found: list[type[Base]] = []
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found += [
            value
            for value in vars(module).values()
            if inspect.isclass(value)
            and issubclass(value, base)
            and value.__module__ == module.__name__
            and not inspect.isabstract(value)
        ]
    return found
