"""What corpus, queries and qrels read in the same way: the source, once for all three."""

from collections.abc import Mapping
from typing import Any

from hn_assets.pipeline.stage_context import StageContext
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.sources.fingerprint import refuse_changes
from hn_assets.sources.ingest.collect import collect
from hn_assets.sources.ingest.report import SourceReport
from hn_assets.sources.protocol import Source
from hn_assets.store import layout


def source_settings(settings: DatasetSettings) -> Mapping[str, Any]:
    """The settings that corpus, queries and qrels depend on."""
    found = {
        "source": settings.source.model_dump(mode="json"),
        "reviewed_labels": settings.filters.reviewed_labels,
        "splits": [settings.mining.split, settings.mining.evaluation_split],
    }
    if settings.review is not None and settings.has_verdicts:
        found["verdicts"] = settings.review.verdicts
    return found


def source_kinds(settings: DatasetSettings) -> set[str]:
    """What the user interface shows as the technologies behind the source."""
    return {settings.source.technology, "parquet"}


def identify_source(context: StageContext) -> Mapping[str, Any] | None:
    """A fingerprint of the raw data; None if only reading them tells whether they changed."""
    fingerprint = _fingerprint(context)
    return None if fingerprint is None else {"fingerprint": fingerprint}


def ingest_source(context: StageContext) -> SourceReport:
    """Read the source once, and write corpus, queries and qrels into the drafts that are wanted.

    Raises:
        SourceError: The source is wrong.
        SourceChangedError: It changed while it was read.
    """

    def write() -> SourceReport:
        paths = {
            file.stage: context.drafts[file.stage].path(file.name)
            if file.stage in context.drafts
            else None
            for file in (layout.CORPUS, layout.QUERIES, layout.QRELS)
        }
        mining = context.settings.mining
        with refuse_changes(_source(context), _fingerprint(context)):
            return collect(
                _source(context),
                **paths,
                mining_split=mining.split,
                evaluation_split=mining.evaluation_split,
            )

    return context.shared.get("source report", write)


def describe_source(context: StageContext) -> dict[str, str]:
    """Type, location and revision of the source, for people."""
    return {f"source_{key}": value for key, value in _source(context).describe().items()}


def _fingerprint(context: StageContext) -> str | None:
    """The fingerprint that the source had when the run began."""
    return context.shared.get("fingerprint", _source(context).fingerprint)


def _source(context: StageContext) -> Source:
    return context.shared.get("source", context.dataset.open_source)
