"""Hard negatives for embedding models and rerankers, as a Dagster asset graph.

`HardNegatives` is the Dagster component, `project_defs` what this project itself loads, and
`mine_hard_negatives` the same without Dagster. The other packages are plain Python.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hn_assets.api import MinedNegatives, mine_hard_negatives
    from hn_assets.component import HardNegatives
    from hn_assets.definitions import project_defs

__version__ = "0.1.0"
__all__ = ["HardNegatives", "MinedNegatives", "__version__", "mine_hard_negatives", "project_defs"]

# importing a package must not import dagster, so what needs it is imported when it is asked for
_MODULES = {
    "HardNegatives": "hn_assets.component",
    "MinedNegatives": "hn_assets.api",
    "mine_hard_negatives": "hn_assets.api",
    "project_defs": "hn_assets.definitions",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
