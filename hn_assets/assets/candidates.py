"""candidates: the ranking of every query, by the encoder alone or of several retrievers joined."""

from hn_assets.cluster.ray_cluster import cluster_on_cores
from hn_assets.errors import StoreError
from hn_assets.hardware import choose_faiss_device
from hn_assets.pipeline.metadata import Metadata, distribution, table
from hn_assets.pipeline.retrieval_inputs import depth_settings, ranking_depth
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.retrieval.compatibility import check_index_version, check_same_space
from hn_assets.retrieval.join_candidates import join_candidates
from hn_assets.retrieval.rank_candidates import EarlierFiles, rank_candidates
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import Draft, layout


def settings(settings: DatasetSettings) -> Resolved:
    """What the rankings depend on, beside the vectors and the index."""
    return {
        "search_parameters": settings.search.search_parameters,
        **depth_settings(settings),
    }


def identify(context: StageContext) -> Resolved:
    """The depth, which can depend on how many positives a query has."""
    documents = context.info(layout.CORPUS_EMBEDDINGS.stage)["space"]
    check_same_space(documents, context.info(layout.QUERY_EMBEDDINGS.stage)["space"])
    built_from = context.info(layout.FAISS_INDEX.stage)["made_from"]["inputs"]
    stage = layout.CORPUS_EMBEDDINGS.stage
    check_index_version(built_from[stage], context.manifest(stage).version)
    return {"depth": ranking_depth(context)}


def make(context: StageContext, draft: Draft) -> Metadata:
    """Search the index with every query, or bring the earlier rankings up to date."""
    import pandas as pd

    depth = ranking_depth(context)
    report = rank_candidates(
        context.input(layout.FAISS_INDEX),
        context.input(layout.FAISS_INDEX_IDS),
        context.input(layout.CORPUS_EMBEDDINGS),
        context.input(layout.QUERY_EMBEDDINGS),
        target=draft.path(layout.CANDIDATES.name),
        searched_documents=draft.path(layout.SEARCHED_DOCUMENTS.name),
        searched_queries=draft.path(layout.SEARCHED_QUERIES.name),
        search=context.settings.search,
        depth=depth,
        faiss_device=choose_faiss_device(context.settings.compute),
        qrels=pd.read_parquet(context.input(layout.QRELS)),
        earlier=_earlier(context, depth),
        connect=cluster_on_cores(context.settings.compute, context.log.info),
        log=context.log.info,
        warn=context.log.warning,
    )
    draft.info.update(report.manifest_info(context.settings.mining.split))
    return {
        **report.figures(),
        "recall_of_positives": table(report.recall_by_split()),
        "scores_by_rank": table(
            {"rank": rank, **distribution(scores, "score")}
            for rank, scores in report.summary.scores_by_rank().items()
        ),
        **distribution(report.summary.scores(), "score"),
    }


def _earlier(context: StageContext, depth: int) -> EarlierFiles | None:
    """The rankings that there are, if they are of the same depth, exact, and whole."""
    try:
        manifest = context.place.verified()
        if manifest is None or not manifest.info.get("exact"):
            return None
        if manifest.info.get("depth_wanted") != depth:
            return None
        files = (layout.CANDIDATES, layout.SEARCHED_DOCUMENTS, layout.SEARCHED_QUERIES)
        return EarlierFiles(*(context.place.file(file.name) for file in files), depth=depth)
    except StoreError as error:
        context.log.warning(f"{error}: everything is searched again")
        return None


def make_joined(context: StageContext, draft: Draft) -> Metadata:
    """Join what the retrievers found."""
    import pandas as pd

    names, own = context.settings.retriever_names, context.settings.own_retriever
    infos = {name: context.info(layout.retriever_candidates(name).stage) for name in names}
    report = join_candidates(
        {name: context.input(layout.retriever_candidates(name)) for name in names},
        context.input(layout.CORPUS_EMBEDDINGS),
        context.input(layout.QUERY_EMBEDDINGS),
        target=draft.path(layout.CANDIDATES.name),
        own=own,
        order=context.settings.candidate_order,
        depth=max(info["depth"] for info in infos.values()),
        memory_mb=context.settings.search.memory_mb,
        qrels=pd.read_parquet(context.input(layout.QRELS)),
        log=context.log.info,
    )
    draft.info.update(
        depth=report.depth,
        depth_wanted=max(info["depth_wanted"] for info in infos.values()),
        own_depth=max(info["depth"] for info in infos.values())
        if own is None
        else infos[own]["depth"],
        exact=False if own is None else infos[own]["exact"],
        index_recall=None if own is None else infos[own]["index_recall"],
        recall_of_mined=report.recall_of_split(context.settings.mining.split),
    )
    return {
        **report.figures(),
        "by_retriever": table(report.by_retriever()),
        "recall_of_positives": table(report.recall()),
        **distribution(report.summary.scores(), "score"),
    }


def identify_joined(context: StageContext) -> Resolved:
    """Nothing that only a run can know; vectors of two models are refused."""
    documents = context.info(layout.CORPUS_EMBEDDINGS.stage)["space"]
    check_same_space(documents, context.info(layout.QUERY_EMBEDDINGS.stage)["space"])
    return {}


STAGE = Stage(
    writes=(layout.CANDIDATES, layout.SEARCHED_DOCUMENTS, layout.SEARCHED_QUERIES),
    description="The best documents of every query: rank (from 0) and score.",
    make=make,
    version=1,
    reads=(
        layout.FAISS_INDEX,
        layout.FAISS_INDEX_IDS,
        layout.CORPUS_EMBEDDINGS,
        layout.QUERY_EMBEDDINGS,
        layout.QRELS,
    ),
    settings=settings,
    identify=identify,
    kinds=lambda settings: {"faiss", "parquet"},
    uses_device=True,
)


def stages(settings: DatasetSettings) -> tuple[Stage, ...]:
    """The one stage: what it reads, and how it is made, depends on the retrievers."""
    if not settings.joins_retrievers:
        return (STAGE,)
    names = settings.retriever_names
    joined = Stage(
        writes=(layout.CANDIDATES,),
        description=(
            f"What {' and '.join(names)} found for every query, joined: rank (from 0), score, and "
            f"rank and score of each retriever."
        ),
        make=make_joined,
        version=1,
        reads=(
            *(layout.retriever_candidates(name) for name in names),
            layout.CORPUS_EMBEDDINGS,
            layout.QUERY_EMBEDDINGS,
            layout.QRELS,
        ),
        settings=lambda settings: {
            "retrievers": settings.retriever_names,
            "own": settings.own_retriever,
            "order": settings.candidate_order,
        },
        identify=identify_joined,
        kinds=lambda settings: {"numpy", "parquet"},
    )
    return (joined,)
