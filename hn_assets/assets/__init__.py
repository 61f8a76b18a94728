"""The assets of a dataset: one file per asset, named by its key, with its declaration `STAGE`.

The assets of single retrievers share one file, `candidates_retriever`, as there may be any number
of them. What belongs here: what an asset reads, what it depends on, and a thin function that calls
the packages. What does not: what is computed, which is in those packages; what assets share, which
is in `pipeline`; and anything of Dagster, which is in `orchestration`.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache
from types import ModuleType

from hn_assets.pipeline.stage import Operation, Stage, upstream_names
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store.layout import CANDIDATES, retriever_candidates, stage_names

# all of them are published, or none: a source that does not fit together changes nothing
ATOMIC_OPERATIONS = {"source"}


@cache
def all_stages() -> tuple[Stage, ...]:
    """Every stage that has a file of its own, in the order of `store/layout.py`."""
    order = stage_names()
    stages = [module.STAGE for module in _modules() if hasattr(module, "STAGE")]
    stages.sort(key=lambda stage: order.index(stage.name))
    _check_order(stages)
    return tuple(stages)


def stages_of(settings: DatasetSettings) -> tuple[Stage, ...]:
    """The stages that a dataset with these settings has, in the order in which they are made.

    The module of an asset says it by its `STAGE`, or by a function `stages` of the settings if
    there is one stage for each of several things, or if what a stage reads depends on them.
    """
    found: list[Stage] = []
    for module in _modules():
        if hasattr(module, "stages"):
            found += module.stages(settings)
        elif module.STAGE.is_part_of(settings):
            found.append(module.STAGE)
    order = stage_names()
    for name in settings.retriever_names:
        order.insert(order.index(CANDIDATES.stage), retriever_candidates(name).stage)
    found.sort(key=lambda stage: order.index(stage.name))
    _check_order(found)
    return tuple(found)


@cache
def _modules() -> tuple[ModuleType, ...]:
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}") for name in names)


def _check_order(stages: Sequence[Stage]) -> None:
    for place, stage in enumerate(stages):
        earlier = {other.name for other in stages[:place]}
        late = [name for name in upstream_names(stage, stages) if name not in earlier]
        assert not late, f"store/layout.py names {stage.name} before {', '.join(late)}"


def operations_of(settings: DatasetSettings) -> tuple[Operation, ...]:
    """The steps in which a dataset's stages are made."""
    by_name: dict[str, list[Stage]] = {}
    for stage in stages_of(settings):
        by_name.setdefault(stage.operation or stage.name, []).append(stage)
    return tuple(
        Operation(name, tuple(stages), name in ATOMIC_OPERATIONS)
        for name, stages in by_name.items()
    )
