"""What both stages of embeddings read and write in the same way: the model and its vectors."""

from collections.abc import Mapping
from typing import Any

from hn_assets.encoding.embed_report import EmbedReport
from hn_assets.encoding.embed_texts import EarlierVectors, embed_texts
from hn_assets.encoding.lazy_model import LazyModel
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.encoding.vectors.recorded_versions import record_version
from hn_assets.errors import StoreError
from hn_assets.pipeline.metadata import Metadata, distribution, table
from hn_assets.pipeline.promotion import resolved_encoding
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import Draft
from hn_assets.store.layout import StageFile


def encoding_settings(settings: DatasetSettings, without: frozenset[str]) -> Mapping[str, Any]:
    """The settings that vectors depend on, without those of the other kind of text."""
    encoding = settings.encoding.depended_on(without)
    return {**encoding, "precision": settings.compute.precision}


def identify_encoding(context: StageContext, kind: Kind) -> Mapping[str, Any]:
    """All that a vector depends on beside its text: weights, pooling, precision, prompt."""
    return {"space": _model(context).space(kind)}


def embed_stage(context: StageContext, draft: Draft, source: StageFile, kind: Kind) -> Metadata:
    """Write the vectors of the texts of a stage; both stages of embeddings share the model."""
    file = context.files[0]
    report = embed_texts(
        context.input(source),
        kind,
        draft.path(file.name),
        model=_model(context),
        cache_folder=context.dataset.store.vectors,
        earlier=_earlier_vectors(context),
        what=context.name,
        log=context.log.info,
        warn=context.log.warning,
    )
    context.shared.get(f"{context.name} report", lambda: report)
    draft.info.update(report.manifest_info())
    return {
        **report.figures(),
        "usage": table(report.usage),
        **distribution(report.norms, "norm"),
    }


def record_vectors(context: StageContext, version: str) -> None:
    """Record which vectors a published version uses, so that the others can be pruned."""
    report: EmbedReport = context.shared.get(f"{context.name} report", _not_made)
    folder = context.dataset.store.vectors
    record_version(folder, report.space_folder, context.name, version, report.keys)


def _not_made() -> EmbedReport:
    raise AssertionError("the vectors must be made before they are published")


def _model(context: StageContext) -> LazyModel:
    def load() -> LazyModel:
        encoding = resolved_encoding(context.dataset)
        return LazyModel(encoding, context.settings.compute, context.log.info)

    return context.shared.get("model", load)


def _earlier_vectors(context: StageContext) -> EarlierVectors | None:
    """The vectors that are there, for a machine that has them but not the cache."""
    try:
        manifest = context.place.manifest()
        if manifest is None:
            return None
        path = context.place.file(context.files[0].name)
        return EarlierVectors(path, manifest.info.get("vectors_of", ""))
    except StoreError:
        return None  # it is damaged, which was said before
