"""What every stage reads that judges candidates: the dataset, ready to be mined."""

from collections.abc import Mapping

from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.session import MiningSession
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.store import layout
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


def mining_files(context: StageContext) -> MiningFiles:
    """The files of the dataset, for a stage that reads `MINING_INPUTS`."""
    files = {name: context.input(file) for name, file in _MINING_FILES.items()}
    return MiningFiles(**files, teacher_scores=context.optional_input(layout.TEACHER_SCORES))


def open_mining_session(context: StageContext) -> MiningSession:
    """The dataset, ready to be calibrated, audited or mined."""
    settings = context.settings
    return MiningSession.open(
        mining_files(context),
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
