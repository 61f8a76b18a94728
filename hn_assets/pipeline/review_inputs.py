"""What the stages of a review share: their settings, and the file of the verdicts."""

from pathlib import Path

from hn_assets.pipeline.dataset import Dataset
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.review import ReviewSettings


def review_settings(settings: DatasetSettings) -> ReviewSettings:
    """The section `review`, which a dataset with one of these stages has."""
    assert settings.review is not None, "review is not part of this dataset"
    return settings.review


def verdicts_path(dataset: Dataset) -> Path:
    """The file that `review.verdicts` names."""
    return dataset.base / Path(review_settings(dataset.settings).verdicts).expanduser()
