"""The sections `mining` and `filters` that hold for a dataset: its own, or those of its trial."""

from collections.abc import Callable
from pathlib import Path

from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.store import layout
from hn_assets.store.layout import StageFile
from hn_assets.trial.outcome import read_outcome
from hn_assets.trial.plans import apply_plan


def chosen_plan(
    settings: DatasetSettings, file: Callable[[StageFile], Path]
) -> tuple[MiningSettings, FiltersSettings]:
    """The sections that hold.

    Args:
        settings: All settings of the dataset.
        file: Gives the path of a published file; it is asked for the outcome of the trial if
            `mining.plan` is `tournament`.

    Raises:
        StoreError: The trial was never held, or its outcome is damaged.
    """
    if settings.mining.plan != "tournament":
        return settings.mining, settings.filters
    outcome = read_outcome(file(layout.NEGATIVES_TRIAL))
    return apply_plan(outcome.settings, settings.mining, settings.filters)
