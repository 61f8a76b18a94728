"""The names by which Dagster knows the parts of a dataset, each in one place."""

from collections.abc import Mapping

import dagster as dg

from hn_assets.settings.job import RUN_TAGS

GPU_POOL = "gpu"
IS_FRESH = "is_fresh"
ACCEPT_TAG = f"{RUN_TAGS}accept"
REASON_TAG = f"{RUN_TAGS}reason"


def accepted_checks(tags: Mapping[str, str]) -> frozenset[str]:
    """The names of the checks that a run may fail, as its tag says.

    >>> sorted(accepted_checks({ACCEPT_TAG: "texts_are_kept, nothing_is_lost"}))
    ['nothing_is_lost', 'texts_are_kept']
    """
    return frozenset(part.strip() for part in tags.get(ACCEPT_TAG, "").split(",") if part.strip())


def asset_key(dataset: str, stage: str) -> dg.AssetKey:
    """The key of an asset: `<dataset>/<stage>`."""
    return dg.AssetKey([dataset, stage])


def op_name(dataset: str, operation: str) -> str:
    """The name of an op, as it stands in a run's step keys."""
    return f"{dataset}__{operation}"


def settings_key(dataset: str) -> str:
    """The key of the resource that holds the settings of a run."""
    return f"{dataset}_settings"


def refresh_job(dataset: str) -> str:
    """The job that makes everything from raw texts to training files."""
    return f"{dataset}_refresh"


def refresh_schedule(dataset: str) -> str:
    """The schedule of that job."""
    return f"{dataset}_schedule"


def change_sensor(dataset: str) -> str:
    """The sensor that starts that job when the source or the model has changed."""
    return f"{dataset}_changes"


def prune_job(dataset: str) -> str:
    """The job that removes stored vectors that no recent run used."""
    return f"{dataset}_prune"


def freshness_job(dataset: str) -> str:
    """The job that checks how old the training set is."""
    return f"{dataset}_freshness"


def freshness_schedule(dataset: str) -> str:
    """The schedule of that job."""
    return f"{dataset}_freshness_schedule"


def alerts_sensor(dataset: str) -> str:
    """The sensor that tells people of failed runs and failed checks."""
    return f"{dataset}_alerts"
