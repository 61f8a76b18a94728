"""From settings to the source they name."""

from pathlib import Path

from hn_assets.sources.beir import Beir
from hn_assets.sources.flagembedding import FlagEmbeddingFile
from hn_assets.sources.hub import Hub
from hn_assets.sources.python_stdlib import PythonStdlib
from hn_assets.sources.records import Source
from hn_assets.sources.settings import (
    BeirSource,
    FlagEmbeddingSource,
    HubSource,
    SourceSettings,
    TableSource,
)
from hn_assets.sources.table import Tables


def open_source(settings: SourceSettings, base: Path) -> Source:
    """The source that `settings` describe; nothing is read yet.

    Args:
        settings: of any type.
        base: the folder that relative paths start from.
    """
    if isinstance(settings, HubSource):
        if settings.folder:
            return Beir(base / Path(settings.folder).expanduser())
        return Hub(settings, base)
    if isinstance(settings, BeirSource):
        return Beir(base / Path(settings.folder).expanduser())
    if isinstance(settings, FlagEmbeddingSource):
        return FlagEmbeddingFile(settings, base)
    if isinstance(settings, TableSource):
        return Tables(settings, base)
    return PythonStdlib(settings)
