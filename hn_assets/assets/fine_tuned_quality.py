"""fine_tuned_quality: whether the fine-tuned model answers the evaluation split better."""

import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from hn_assets.encoding.vectors.recorded_versions import record_version
from hn_assets.evaluation.paired_comparison import compare_paired
from hn_assets.evaluation.quality_by_query import DECIDES, greatest_changes, write_by_query
from hn_assets.evaluation.rank_with_model import ModelRankings, rank_with_model
from hn_assets.evaluation.retrieval_quality import MEASURES, measure_each_query
from hn_assets.hardware import choose_faiss_device
from hn_assets.pipeline.metadata import Metadata, table
from hn_assets.pipeline.promotion import trained_model, training_settings
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.retrieval.rank_candidates import rank_candidates
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import Draft, layout
from hn_assets.store.schemas import rank_columns

if TYPE_CHECKING:
    import pandas as pd


def settings(settings: DatasetSettings) -> Resolved:
    """The split, the confidence, and what vectors depend on beside the weights."""
    return {
        "split": settings.mining.evaluation_split,
        "confidence": training_settings(settings).confidence,
        "encoding": settings.encoding.depended_on({"model", "revision"}),
        "precision": settings.compute.precision,
    }


def make(context: StageContext, draft: Draft) -> Metadata:
    """Rank the evaluation split with the new model, and compare it query by query."""
    import pandas as pd

    split = context.settings.mining.evaluation_split
    qrels = pd.read_parquet(context.input(layout.QRELS))
    candidates = context.info(layout.CANDIDATES.stage)
    # of the encoder's own ranking, where several retrievers were joined
    depth = int(candidates.get("own_depth", candidates["depth"]))
    before = measure_present(context, qrels, depth)
    after = _measure_new(context, before, qrels, depth)
    by_query, queries = draft.path(layout.QUALITY_BY_QUERY.name), context.input(layout.QUERIES)
    write_by_query(by_query, before, after)
    training = training_settings(context.settings)
    compared = {
        name: compare_paired(before[name].to_numpy(), after[name].to_numpy(), training.confidence)
        for name in MEASURES
    }
    found = {name: asdict(comparison) for name, comparison in compared.items()}
    draft.path(layout.FINE_TUNED_QUALITY.name).write_text(
        json.dumps(found, indent=1) + "\n", encoding="utf-8"
    )
    decides = compared[DECIDES]
    if not decides.queries:
        return {"queries": 0, "not_measured": decides.describe()}
    rises = after[DECIDES] - before[DECIDES]
    return {
        "queries": decides.queries,
        "split": split,
        "in_short": f"nDCG@10 is {decides.describe()}",
        "outcome": decides.outcome(training.min_improvement),
        "compared": table(
            {
                "measure": name,
                "before": round(one.before, 4),
                "after": round(one.after, 4),
                "change": round(one.difference, 4),
                "low": round(one.low, 4),
                "high": round(one.high, 4),
                "p": round(one.p_value, 4),
            }
            for name, one in compared.items()
        ),
        "queries_better": int((rises > 0).sum()),
        "queries_worse": int((rises < 0).sum()),
        "greatest_rises": table(greatest_changes(by_query, queries, falls=False)),
        "greatest_falls": table(greatest_changes(by_query, queries, falls=True)),
        # as numbers, they are charted over all materializations by the UI
        f"{DECIDES}_before": round(decides.before, 5),
        DECIDES: round(decides.after, 5),
        f"{DECIDES}_change": round(decides.difference, 5),
    }


def published(context: StageContext, version: str) -> None:
    """Record which vectors the measurement used, so that mining with the model finds them."""
    rankings: ModelRankings | None = context.shared.get("rankings", lambda: None)
    if rankings is not None:
        folder = context.dataset.store.vectors
        for name, report in (("corpus", rankings.corpus), ("queries", rankings.queries)):
            record_version(
                folder, report.space_folder, f"{context.name}.{name}", version, report.keys
            )


def measure_present(context: StageContext, qrels: "pd.DataFrame", depth: int) -> "pd.DataFrame":
    """The measures of the encoder there is, by its own ranking and nothing that others found."""
    import pandas as pd

    settings, candidates = context.settings, context.input(layout.CANDIDATES)
    split = settings.mining.evaluation_split
    own = settings.own_retriever
    if own is not None:
        rank = rank_columns(pq.read_schema(candidates).names).get(own, "rank")
        return measure_each_query(candidates, qrels, split, depth, rank)
    # it is no retriever of this dataset
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rank_candidates(
            context.input(layout.FAISS_INDEX),
            context.input(layout.FAISS_INDEX_IDS),
            context.input(layout.CORPUS_EMBEDDINGS),
            context.input(layout.QUERY_EMBEDDINGS),
            target=folder / "candidates.parquet",
            searched_documents=folder / "searched_documents.parquet",
            searched_queries=folder / "searched_queries.parquet",
            search=settings.search,
            depth=depth,
            faiss_device=choose_faiss_device(settings.compute),
            qrels=pd.DataFrame({"query_id": [], "doc_id": [], "score": [], "split": []}),
            log=context.log.info,
        )
        return measure_each_query(folder / "candidates.parquet", qrels, split, depth)


def _measure_new(
    context: StageContext, before: "pd.DataFrame", qrels: "pd.DataFrame", depth: int
) -> "pd.DataFrame":
    if not len(before):
        return before
    split = context.settings.mining.evaluation_split
    with tempfile.TemporaryDirectory() as scratch:
        rankings = rank_with_model(
            context.input(layout.CORPUS),
            context.input(layout.QUERIES),
            list(before.query_id),
            model=trained_model(context.dataset.store),
            encoding=context.settings.encoding,
            compute=context.settings.compute,
            folder=Path(scratch),
            cache_folder=context.dataset.store.vectors,
            memory_mb=context.settings.search.memory_mb,
            depth=depth,
            log=context.log.info,
        )
        context.shared.get("rankings", lambda: rankings)
        return measure_each_query(rankings.candidates, qrels, split, depth)


STAGE = Stage(
    writes=(layout.FINE_TUNED_QUALITY, layout.QUALITY_BY_QUERY),
    description=(
        "The measures of the fine-tuned model on the evaluation split beside those of the model "
        "before, query by query."
    ),
    make=make,
    version=2,
    reads=(
        layout.CORPUS,
        layout.QUERIES,
        layout.QRELS,
        layout.CANDIDATES,
        layout.FINE_TUNED_MODEL,
    ),
    settings=settings,
    published=published,
    is_part_of=lambda settings: settings.training is not None,
    kinds=lambda settings: {"torch", "json"},
    uses_device=True,
)


def stages(settings: DatasetSettings) -> tuple[Stage, ...]:
    """The stage, which ranks by the encoder there is if that is no retriever of the dataset."""
    if not STAGE.is_part_of(settings):
        return ()
    if settings.own_retriever is not None:
        return (STAGE,)
    vectors = (
        layout.FAISS_INDEX,
        layout.FAISS_INDEX_IDS,
        layout.CORPUS_EMBEDDINGS,
        layout.QUERY_EMBEDDINGS,
    )
    return (replace(STAGE, reads=(*STAGE.reads, *vectors)),)
