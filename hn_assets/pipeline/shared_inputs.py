"""What several stages read or compute in the same way: the source, and a dataset to be mined."""

from collections.abc import Mapping
from typing import Any

from hn_assets.encoding.embed_report import EmbedReport
from hn_assets.encoding.embed_texts import EarlierVectors, embed_texts
from hn_assets.encoding.lazy_model import LazyModel
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.encoding.vectors.recorded_versions import record_version
from hn_assets.errors import StoreError
from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.session import MiningFiles, MiningSession
from hn_assets.pipeline.metadata import Metadata, distribution
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.sources.fingerprint import refuse_changes
from hn_assets.sources.ingest.collect import collect
from hn_assets.sources.ingest.report import SourceReport
from hn_assets.sources.protocol import Source
from hn_assets.store import Draft, layout
from hn_assets.store.layout import StageFile

# what every stage reads that judges candidates, by the name that `MiningFiles` has for it
_MINING_FILES: Mapping[str, StageFile] = {
    "corpus": layout.CORPUS,
    "queries": layout.QUERIES,
    "qrels": layout.QRELS,
    "corpus_embeddings": layout.CORPUS_EMBEDDINGS,
    "query_embeddings": layout.QUERY_EMBEDDINGS,
    "faiss_index": layout.FAISS_INDEX,
    "faiss_index_ids": layout.FAISS_INDEX_IDS,
    "candidates": layout.CANDIDATES,
}
MINING_INPUTS: tuple[StageFile, ...] = tuple(_MINING_FILES.values())


def source_settings(settings: DatasetSettings) -> Mapping[str, Any]:
    """The settings that corpus, queries and qrels depend on."""
    return {
        "source": settings.source.model_dump(mode="json"),
        "reviewed_labels": settings.filters.reviewed_labels,
        "splits": [settings.mining.split, settings.mining.evaluation_split],
    }


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


def encoding_settings(settings: DatasetSettings, without: frozenset[str]) -> Mapping[str, Any]:
    """The settings that vectors depend on, without those of the other kind of text."""
    encoding = settings.encoding.model_dump(mode="json", exclude=set(without))
    return {**encoding, "precision": settings.compute.precision}


def identify_encoding(context: StageContext, kind: Kind) -> Mapping[str, Any]:
    """All that a vector depends on beside its text: weights, pooling, precision, instruction."""
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
    return {**report.figures(), **distribution(report.norms, "norm")}


def record_vectors(context: StageContext, version: str) -> None:
    """Record which vectors a published version uses, so that the others can be pruned."""
    report: EmbedReport = context.shared.get(f"{context.name} report", _not_made)
    folder = context.dataset.store.vectors
    record_version(folder, report.space_folder, context.name, version, report.keys)


def _not_made() -> EmbedReport:
    raise AssertionError("the vectors must be made before they are published")


def _model(context: StageContext) -> LazyModel:
    settings, log = context.settings, context.log.info
    return context.shared.get("model", lambda: LazyModel(settings.encoding, settings.compute, log))


def _earlier_vectors(context: StageContext) -> EarlierVectors | None:
    """The vectors that are there, for a machine that has them but not the cache."""
    try:
        manifest = context.place.manifest()
        if manifest is None:
            return None
        path = context.place.file(context.files[0].name)
        return EarlierVectors(path, manifest.info["vectors_of"])
    except StoreError:
        return None  # it is damaged, which was said before


def open_mining_session(context: StageContext) -> MiningSession:
    """The dataset, ready to be calibrated, audited or mined."""
    settings = context.settings
    files = {name: context.input(file) for name, file in _MINING_FILES.items()}
    return MiningSession.open(
        MiningFiles(**files, teacher_scores=context.optional_input(layout.TEACHER_SCORES)),
        mining=settings.mining,
        filters=settings.filters,
        search=settings.search,
        teacher=settings.teacher,
        calibration=read_calibration(context),
        # as the model read the passages
        include_title=bool(context.info(layout.CORPUS_EMBEDDINGS.stage)["include_title"]),
        base=context.dataset.base,
    )


def read_calibration(context: StageContext) -> Calibration | None:
    """What the calibration found; None if the dataset has none or the stage does not read it."""
    path = context.optional_input(layout.CALIBRATION)
    if path is None:
        return None
    return Calibration.model_validate_json(path.read_text(encoding="utf-8"))


def _fingerprint(context: StageContext) -> str | None:
    """The fingerprint that the source had when the run began."""
    return context.shared.get("fingerprint", _source(context).fingerprint)


def _source(context: StageContext) -> Source:
    return context.shared.get("source", context.dataset.open_source)
