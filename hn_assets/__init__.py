"""Hard negatives for embedding models and rerankers, as a Dagster asset graph.

`HardNegatives` is the Dagster component, `project_defs` what this project itself loads. The rooms
`sources`, `encoding`, `search`, `mining`, `export`, `evaluation` and `report` are plain Python,
usable without Dagster.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hn_assets.component import HardNegatives
    from hn_assets.definitions import project_defs

__all__ = ["HardNegatives", "project_defs"]


def __getattr__(name: str) -> Any:
    # importing a room must not import dagster, so what needs it waits until it is asked for
    if name == "HardNegatives":
        from hn_assets.component import HardNegatives

        return HardNegatives
    if name == "project_defs":
        from hn_assets.definitions import project_defs

        return project_defs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
