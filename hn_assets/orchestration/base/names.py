"""The names by which Dagster knows the parts of a dataset, each in one place."""

import dagster as dg

GPU_POOL = "gpu"
IS_FRESH = "is_fresh"
ACCEPT_TAG = "hn_assets/accept"
REASON_TAG = "hn_assets/reason"


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
