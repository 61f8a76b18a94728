"""Refreshes of a dataset whose texts and model come from a hub that does not behave."""

import logging
import os
from pathlib import Path

from hn_assets.api import DATASET
from hn_assets.assets import operations_of, stages_of
from hn_assets.evaluation.checks.all_checks import all_checks
from hn_assets.evaluation.checks.run_checks import run_check
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.operation_run import run_operation
from hn_assets.settings.dataset import DatasetSettings
from hn_assets_tests.soak.refreshing import MADE, SETTINGS

# of the client and of this package, so that a round takes seconds instead of minutes
CLIENT_SECONDS = {"HF_HUB_DOWNLOAD_TIMEOUT": "2", "HF_HUB_ETAG_TIMEOUT": "2"}
ANSWER_SECONDS, STALL_SECONDS = 3.0, 5.0


def model_of(dataset: str) -> str:
    """The name on the hub of the model that is pushed beside a dataset."""
    return f"{dataset}-model"


def refresh_from_hub(folder: Path, name: str) -> None:
    """Make all stages that are not up to date, from a dataset and a model of the hub.

    The process is one of its own: what is changed here stays changed.

    Args:
        folder: Where the files and the cache of the hub lie.
        name: The name of the dataset on the hub.
    """
    from huggingface_hub import constants

    from hn_assets import hub
    from hn_assets.encoding.models import hub_model

    constants.HF_HUB_CACHE = str(folder / "cache")
    hub.ANSWER_SECONDS, hub.STALL_SECONDS = ANSWER_SECONDS, STALL_SECONDS
    hub_model.STALL_SECONDS = STALL_SECONDS
    os.environ["HN_DATA_DIR"] = str(folder / MADE)
    settings = DatasetSettings.model_validate(
        {
            **SETTINGS,
            "source": {"type": "hub", "dataset": name},
            "encoding": {"model": model_of(name), "pooling": "mean"},
        }
    )
    accepted = frozenset(check.name for check in all_checks())
    dataset = Dataset(DATASET, settings, folder, accepted)
    stages = stages_of(settings)
    for operation in operations_of(settings):
        made = [r.stage for r in run_operation(dataset, operation, stages, logging.getLogger())]
        for check in all_checks():
            if check.stage in made:
                run_check(check, dataset.store, settings)
