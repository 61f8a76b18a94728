"""What several stages read or compute in the same way: the source, and a dataset to be mined."""

import json
from collections.abc import Mapping
from typing import Any

from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.session import MiningFiles, MiningSession
from hn_assets.pipeline.stage_run import StageRun
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.sources.ingest import ingest
from hn_assets.sources.ingest_report import SourceReport
from hn_assets.sources.protocol import Source
from hn_assets.store import layout
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
    return {settings.source.type.replace("hub", "huggingface"), "parquet"}


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
        return ingest(
            _source(run),
            **paths,
            mining_split=mining.split,
            evaluation_split=mining.evaluation_split,
        )

    return run.shared.get("source report", write)


def describe_source(run: StageRun) -> dict[str, str]:
    """Type, location and revision of the source, for people."""
    return {f"source_{key}": value for key, value in _source(run).describe().items()}


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
