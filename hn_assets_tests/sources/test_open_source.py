"""A source is opened with the labels that a person reviewed, if there are any."""

from pathlib import Path

from hn_assets.sources import open_source
from hn_assets.sources.kinds.beir import BeirFolder, BeirSettings
from hn_assets.sources.reviewed_labels import ReviewedLabels


def test_paths_start_from_the_base_folder(tmp_path: Path) -> None:
    settings = BeirSettings(type="beir", folder="data")
    source = open_source(settings, tmp_path)
    assert isinstance(source, BeirFolder)
    assert source.folder == tmp_path / "data"
    corrected = open_source(settings, tmp_path, "labels.csv")
    assert isinstance(corrected, ReviewedLabels)
    assert corrected.path == tmp_path / "labels.csv"
