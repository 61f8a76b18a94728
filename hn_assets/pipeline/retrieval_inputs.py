"""What every stage needs that finds candidates: the depth, and what a retriever is given."""

from hn_assets.pipeline.stage import Resolved
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.retrieval.depth import resolved_depth, wanted_depth
from hn_assets.retrievers.protocol import RetrieverInputs
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import layout


def depth_settings(settings: DatasetSettings) -> Resolved:
    """The settings that decide how many candidates are wanted for each query."""
    return {"depth": resolved_depth(settings.search, settings.deepest_mining)}


def ranking_depth(context: StageContext) -> int:
    """How many candidates are wanted for each query, for a stage that reads `layout.QRELS`."""
    import pandas as pd

    def read() -> int:
        qrels = pd.read_parquet(context.input(layout.QRELS))
        return wanted_depth(context.settings.search, context.settings.deepest_mining, qrels)

    return context.shared.get("depth", read)


def retriever_inputs(context: StageContext) -> RetrieverInputs:
    """What a retriever works on, for a stage that reads `layout.CORPUS` and `layout.QUERIES`."""
    settings = context.settings
    return RetrieverInputs(
        base=context.dataset.base,
        corpus=context.input(layout.CORPUS),
        queries=context.input(layout.QUERIES),
        include_title=settings.encoding.include_title,
        memory_mb=settings.search.memory_mb,
        compute=settings.compute,
        vector_cache=context.dataset.store.vectors,
        log=context.log.info,
        warn=context.log.warning,
    )
