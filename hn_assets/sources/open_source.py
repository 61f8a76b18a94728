"""Open the source that a dataset's settings describe."""

from pathlib import Path

from hn_assets.sources.protocol import Source, SourceSettings
from hn_assets.sources.reviewed_labels import ReviewedLabels
from hn_assets.sources.verdicts import ReviewVerdicts


def open_source(
    settings: SourceSettings, base: Path, reviewed_labels: str = "", verdicts: str = ""
) -> Source:
    """The source that the settings describe, corrected by what people said of its labels.

    Nothing is read yet.

    Args:
        settings: The YAML section `source`, of any kind.
        base: The folder that relative paths start from.
        reviewed_labels: The CSV file that `filters.reviewed_labels` names, or "" for none.
        verdicts: The file that `review.verdicts` names, or "" for none.
    """
    source = settings.open(base)
    if reviewed_labels:
        source = ReviewedLabels(source, base / Path(reviewed_labels).expanduser())
    if verdicts:
        source = ReviewVerdicts(source, base / Path(verdicts).expanduser())
    return source
