"""Hard negatives for embedding models and rerankers, as a Dagster asset graph.

`HardNegatives` is the Dagster component. The rooms `sources`, `encoding`, `search`, `mining` and
`export` are plain Python and can be used without Dagster.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hn_assets.components.hard_negatives import HardNegatives

__all__ = ["HardNegatives"]


def __getattr__(name: str) -> Any:
    # importing a room must not import dagster, so the component waits until it is asked for
    if name == "HardNegatives":
        from hn_assets.components.hard_negatives import HardNegatives

        return HardNegatives
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
