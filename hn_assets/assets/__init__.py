"""The assets of a dataset: one file per asset, named by its key, with its declaration `STAGE`.

What belongs here: what an asset reads, what it depends on, and a thin function that calls the
packages. What does not: what is computed, which is in those packages; what assets share, which is
in `pipeline`; and anything of Dagster, which is in `orchestration`.
"""

import importlib
import pkgutil
from functools import cache

from hn_assets.pipeline.stage import Operation, Stage, upstream_names
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store.layout import stage_names

# all of them are published, or none: a source that does not fit together changes nothing
ATOMIC_OPERATIONS = {"source"}


@cache
def all_stages() -> tuple[Stage, ...]:
    """Every stage that there is, in the order of `store/layout.py`."""
    modules = [
        importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)
    ]
    order = stage_names()
    stages = sorted((module.STAGE for module in modules), key=lambda s: order.index(s.name))
    for place, stage in enumerate(stages):
        earlier = {other.name for other in stages[:place]}
        late = [name for name in upstream_names(stage, stages) if name not in earlier]
        assert not late, f"store/layout.py names {stage.name} before {', '.join(late)}"
    return tuple(stages)


def stages_of(settings: DatasetSettings) -> tuple[Stage, ...]:
    """The stages that a dataset with these settings has, in the order in which they are made."""
    return tuple(stage for stage in all_stages() if stage.is_part_of(settings))


def operations_of(settings: DatasetSettings) -> tuple[Operation, ...]:
    """The steps in which a dataset's stages are made."""
    by_name: dict[str, list[Stage]] = {}
    for stage in stages_of(settings):
        by_name.setdefault(stage.operation or stage.name, []).append(stage)
    return tuple(
        Operation(name, tuple(stages), name in ATOMIC_OPERATIONS)
        for name, stages in by_name.items()
    )
