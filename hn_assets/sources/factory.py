"""From settings to the source they name."""

from pathlib import Path

from hn_assets.settings.source import (
    BeirSource,
    FlagEmbeddingSource,
    HubSource,
    SourceSettings,
    TableSource,
)
from hn_assets.sources.kinds.beir import Beir
from hn_assets.sources.kinds.flagembedding import FlagEmbeddingFile
from hn_assets.sources.kinds.hub import Hub
from hn_assets.sources.kinds.python_stdlib import PythonStdlib
from hn_assets.sources.kinds.table import Tables
from hn_assets.sources.protocol import Source


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
