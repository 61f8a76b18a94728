"""What several stages read or compute in the same way: the source, and a dataset to be mined."""

import json
from collections.abc import Mapping
from typing import Any

from hn_assets.encoding.embed import EarlierVectors, embed_texts
from hn_assets.encoding.embed_report import EmbedReport
from hn_assets.encoding.encoder import Kind
from hn_assets.encoding.lazy_model import LazyModel
from hn_assets.encoding.vectors.cache_pruning import record_version
from hn_assets.errors import StoreError
from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.session import MiningFiles, MiningSession
from hn_assets.pipeline.metadata import Metadata, distribution
from hn_assets.pipeline.stage_run import StageRun
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.sources.ingest.collect import collect
from hn_assets.sources.ingest.report import SourceReport
from hn_assets.sources.protocol import Source
from hn_assets.store import Draft, layout
from hn_assets.store.layout import StageFile

# what every stage reads that judges candidates
MINING_INPUTS: tuple[StageFile, ...] = (
    layout.CORPUS,
    layout.QUERIES,
    layout.QRELS,
    layout.CORPUS_EMBEDDINGS,
    layout.QUERY_EMBEDDINGS,
    layout.FAISS_INDEX,
    layout.FAISS_INDEX_IDS,
    layout.CANDIDATES,
)


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


def identify_source(run: StageRun) -> Mapping[str, Any] | None:
    """A fingerprint of the raw data; None if only reading them tells whether they changed."""
    fingerprint = run.shared.get("fingerprint", _source(run).fingerprint)
    return None if fingerprint is None else {"fingerprint": fingerprint}


def ingest_source(run: StageRun) -> SourceReport:
    """Read the source once, and write corpus, queries and qrels into the drafts that are wanted."""

    def write() -> SourceReport:
        paths = {
            file.stage: run.drafts[file.stage].path(file.name) if file.stage in run.drafts else None
            for file in (layout.CORPUS, layout.QUERIES, layout.QRELS)
        }
        mining = run.settings.mining
        return collect(
            _source(run),
            **paths,
            mining_split=mining.split,
            evaluation_split=mining.evaluation_split,
        )

    return run.shared.get("source report", write)


def describe_source(run: StageRun) -> dict[str, str]:
    """Type, location and revision of the source, for people."""
    return {f"source_{key}": value for key, value in _source(run).describe().items()}


# what changes speed and memory, and no vector
NOT_CONTENT = {"max_tokens_per_batch"}


def encoding_settings(settings: DatasetSettings, without: set[str]) -> Mapping[str, Any]:
    """The settings that vectors depend on, without those of the other kind of text."""
    encoding = settings.encoding.model_dump(mode="json", exclude=NOT_CONTENT | without)
    return {**encoding, "precision": settings.compute.precision}


def identify_encoding(run: StageRun, kind: Kind) -> Mapping[str, Any]:
    """All that a vector depends on beside its text: weights, pooling, precision, instruction."""
    return {"space": _model(run).space(kind)}


def embed_stage(run: StageRun, draft: Draft, source: StageFile, kind: Kind) -> Metadata:
    """Write the vectors of the texts of a stage; both stages of embeddings share the model."""
    file = run.stage.writes[0]
    report = embed_texts(
        run.input(source),
        kind,
        draft.path(file.name),
        model=_model(run),
        cache_folder=run.dataset.store.vectors,
        earlier=_earlier_vectors(run),
        what=run.stage.name,
        log=run.log.info,
        warn=run.log.warning,
    )
    run.shared.get(f"{run.stage.name} report", lambda: report)
    draft.info.update(report.manifest_info())
    return {**report.figures(), **distribution(report.norms, "norm")}


def record_vectors(run: StageRun, version: str) -> None:
    """Record which vectors a published version uses, so that the others can be pruned."""
    report: EmbedReport = run.shared.get(f"{run.stage.name} report", _not_made)
    folder = run.dataset.store.vectors
    record_version(folder, report.space_folder, run.stage.name, version, report.keys)


def _not_made() -> EmbedReport:
    raise AssertionError("the vectors must be made before they are published")


def _model(run: StageRun) -> LazyModel:
    settings, log = run.settings, run.log.info
    return run.shared.get("model", lambda: LazyModel(settings.encoding, settings.compute, log))


def _earlier_vectors(run: StageRun) -> EarlierVectors | None:
    """The vectors that are there, for a machine that has them but not the cache."""
    try:
        manifest = run.place.manifest()
        if manifest is None:
            return None
        path = run.place.file(run.stage.writes[0].name)
        return EarlierVectors(path, manifest.info["vectors_of"])
    except StoreError:
        return None  # it is damaged, which was said before


def open_mining_session(run: StageRun) -> MiningSession:
    """The dataset, ready to be calibrated, audited or mined."""
    settings = run.settings
    files = {
        name: run.input(file)
        for name, file in (
            ("corpus", layout.CORPUS),
            ("queries", layout.QUERIES),
            ("qrels", layout.QRELS),
            ("corpus_embeddings", layout.CORPUS_EMBEDDINGS),
            ("query_embeddings", layout.QUERY_EMBEDDINGS),
            ("faiss_index", layout.FAISS_INDEX),
            ("faiss_index_ids", layout.FAISS_INDEX_IDS),
            ("candidates", layout.CANDIDATES),
        )
    }
    return MiningSession.open(
        MiningFiles(**files, teacher_scores=run.optional_input(layout.TEACHER_SCORES)),
        mining=settings.mining,
        filters=settings.filters,
        search=settings.search,
        teacher=settings.teacher,
        calibration=read_calibration(run),
        # as the model read the passages
        include_title=bool(run.info(layout.CORPUS_EMBEDDINGS.stage)["include_title"]),
        base=run.dataset.base,
    )


def read_calibration(run: StageRun) -> Calibration | None:
    """What the calibration found; None if the dataset has none or the stage does not read it."""
    path = run.optional_input(layout.CALIBRATION)
    if path is None:
        return None
    return Calibration.model_validate(json.loads(path.read_text(encoding="utf-8")))


def _source(run: StageRun) -> Source:
    return run.shared.get("source", run.dataset.open_source)
