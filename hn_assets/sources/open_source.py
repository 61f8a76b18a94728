"""Open the source that a dataset's settings describe."""

from pathlib import Path

from hn_assets.sources.protocol import Source, SourceSettings
from hn_assets.sources.reviewed_labels import ReviewedLabels


def open_source(settings: SourceSettings, base: Path, reviewed_labels: str = "") -> Source:
    """The source that the settings describe, corrected by reviewed labels if there are any.

    Nothing is read yet.

    Args:
        settings: The YAML section `source`, of any kind.
        base: The folder that relative paths start from.
        reviewed_labels: The CSV file that `filters.reviewed_labels` names, or "" for none.
    """
    source = settings.open(base)
    if not reviewed_labels:
        return source
    return ReviewedLabels(source, base / Path(reviewed_labels).expanduser())
