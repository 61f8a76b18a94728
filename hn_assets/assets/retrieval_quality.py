"""retrieval_quality: how well the rankings answer the evaluation split, now and before."""

from datetime import datetime, timezone

from hn_assets.evaluation.retrieval_quality import (
    HISTORY,
    RETRIEVERS,
    append_measurement,
    describe_quality,
    measure_quality,
    measure_retrievers,
    write_quality,
)
from hn_assets.pipeline.metadata import Metadata, table
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.store import Draft, layout


def make(context: StageContext, draft: Draft) -> Metadata:
    """Measure the rankings of the evaluation split, and add them to the history."""
    import pandas as pd

    split = context.settings.mining.evaluation_split
    depth = int(context.info(layout.CANDIDATES.stage)["depth"])
    qrels = pd.read_parquet(context.input(layout.QRELS))
    found, queries = measure_quality(context.input(layout.CANDIDATES), qrels, split, depth)
    measured = {"queries": queries, "depth": depth, **found}
    by_retriever = measure_retrievers(context.input(layout.CANDIDATES), qrels, split, depth)
    if queries and by_retriever:
        measured[RETRIEVERS] = by_retriever
    write_quality(draft.path(layout.RETRIEVAL_QUALITY.name), measured)
    history = context.history(HISTORY)
    # the history is not in the file, so that equal quality is an equal version
    draft.info[HISTORY] = append_measurement(history, measured, datetime.now(timezone.utc))
    described = describe_quality(measured, history, split)
    for name in ("compared", "by_retriever"):
        if name in described:
            described[name] = table(described[name])
    return described


STAGE = Stage(
    writes=(layout.RETRIEVAL_QUALITY,),
    description=(
        "nDCG@10, recall, MRR@10 and MAP on the evaluation split, beside those of earlier runs."
    ),
    make=make,
    version=1,
    reads=(layout.CANDIDATES, layout.QRELS),
    settings=lambda settings: {"split": settings.mining.evaluation_split},
    kinds=lambda settings: {"json"},
)
