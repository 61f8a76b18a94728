"""What every stage reads that judges candidates: the dataset, ready to be mined."""

from collections.abc import Callable, Mapping

from hn_assets.cluster.ray_cluster import RayCluster, cluster_on_cores
from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.holdout.calibration_file import read_calibration
from hn_assets.mining.session import MiningSession
from hn_assets.pipeline.stage import Resolved
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.settings.compute import DAGSTER
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import layout
from hn_assets.store.layout import StageFile
from hn_assets.trial.chosen_plan import chosen_plan

# what every stage reads that judges candidates, by the name that `MiningFiles` has for it
MINING_FILES: Mapping[str, StageFile] = {
    "corpus": layout.CORPUS,
    "queries": layout.QUERIES,
    "qrels": layout.QRELS,
    "corpus_embeddings": layout.CORPUS_EMBEDDINGS,
    "query_embeddings": layout.QUERY_EMBEDDINGS,
    "faiss_index": layout.FAISS_INDEX,
    "faiss_index_ids": layout.FAISS_INDEX_IDS,
    "candidates": layout.CANDIDATES,
}
MINING_INPUTS: tuple[StageFile, ...] = tuple(MINING_FILES.values())
# what every stage reads that mines or measures the chosen plan; a stage reads what its dataset has
PLAN_INPUTS: tuple[StageFile, ...] = (*MINING_INPUTS, layout.NEGATIVES_TRIAL)


def mining_files(context: StageContext) -> MiningFiles:
    """The files of the dataset, for a stage that reads `MINING_INPUTS`."""
    files = {name: context.input(file) for name, file in MINING_FILES.items()}
    return MiningFiles(**files, teacher_scores=context.optional_input(layout.TEACHER_SCORES))


def open_mining_session(context: StageContext, *, own_settings: bool = False) -> MiningSession:
    """The dataset, ready to be calibrated, audited or mined.

    Args:
        context: The stage, which reads `PLAN_INPUTS`, or `MINING_INPUTS` if it takes its own.
        own_settings: Whether the sections `mining` and `filters` hold as they are, even if the plan
            of a trial takes their place later.
    """
    settings = context.settings
    mining, filters = settings.mining, settings.filters
    if not own_settings:
        mining, filters = chosen_plan(settings, context.input)
    return MiningSession.open(
        mining_files(context),
        mining=mining,
        filters=filters,
        search=settings.search,
        teacher=settings.teacher,
        calibration=calibration_of(context),
        # as the model read the passages
        include_title=bool(context.info(layout.CORPUS_EMBEDDINGS.stage)["include_title"]),
        base=context.dataset.base,
        own_retriever=settings.own_retriever,
        lexical_retrievers=settings.lexical_retrievers,
    )


def mining_cluster(
    context: StageContext, session: MiningSession
) -> Callable[[], RayCluster] | None:
    """What connects to the cluster whose nodes mine; None if that is done here.

    Args:
        context: The stage. It has no cluster if the address is still that of a resource of Dagster,
            which it has not asked for then.
        session: What is mined: of few queries, nodes would get the files for seconds of work.
    """
    compute = context.settings.compute
    has_few = session.dataset.mined.sum() < compute.ray.mining_from_queries
    if has_few or compute.ray.address == DAGSTER:
        return None
    return cluster_on_cores(compute, context.log.info)


def model_of_relevance(settings: DatasetSettings) -> Resolved:
    """What a model of relevance depends on beside the plan: who ranks by words, if anybody does."""
    names = settings.lexical_retrievers
    return {"lexical_retrievers": list(names)} if names else {}


def calibration_of(context: StageContext) -> Calibration | None:
    """What the calibration found; None if there is no target rate, or the stage reads none."""
    path = context.optional_input(layout.CALIBRATION)
    return None if path is None else read_calibration(path)
