"""promoted_model: the best model so far, and where it came from."""

import shutil
from datetime import datetime, timezone
from typing import Any

from hn_assets.encoding.models.unchanged import hash_folder
from hn_assets.evaluation.paired_comparison import PairedComparison, read_comparison
from hn_assets.evaluation.quality_by_query import DECIDES
from hn_assets.evaluation.training_rounds import (
    NOTHING_TRAINED,
    ROUNDS,
    TRAINED,
    describe_rounds,
    rate_of_round,
)
from hn_assets.pipeline.metadata import Location, Metadata, table
from hn_assets.pipeline.promotion import (
    Lineage,
    published_model,
    read_lineage,
    trained_model,
    training_settings,
)
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.encoding import PROMOTED
from hn_assets.store import Draft, layout

MAX_ROUNDS_REMEMBERED = 100


def settings(settings: DatasetSettings) -> Resolved:
    """What decides whether a model is better."""
    training = training_settings(settings)
    return {"min_improvement": training.min_improvement, "confidence": training.confidence}


def make(context: StageContext, draft: Draft) -> Metadata:
    """Promote the fine-tuned model if it is better, else keep the one that there is."""
    comparison = read_comparison(context.input(layout.FINE_TUNED_QUALITY), DECIDES)
    outcome = comparison.outcome(training_settings(context.settings).min_improvement)
    before = read_lineage(context.dataset.store)
    trained = trained_model(context.dataset.store)
    is_new = before is None or hash_folder(trained) != before.weights
    if not context.info(layout.FINE_TUNED_MODEL.stage).get(TRAINED, True):
        outcome = NOTHING_TRAINED
    if outcome == "better" and is_new:
        lineage = _promote(context, draft, comparison, before)
    else:
        lineage = before
        _keep(context, draft)
    text = "{}" if lineage is None else lineage.model_dump_json(indent=1)
    draft.path(layout.PROMOTED_MODEL.name).write_text(text + "\n", encoding="utf-8")
    rounds = [*context.history(ROUNDS), _round(context, comparison, outcome, before)]
    draft.info[ROUNDS] = rounds[-MAX_ROUNDS_REMEMBERED:]
    described: dict[str, Any] = {
        "promoted": lineage is not before,
        "outcome": outcome,
        "in_short": f"nDCG@10 is {comparison.describe()}",
        "rounds": table(describe_rounds(rounds)),
    }
    if lineage is None:
        return {**described, "model": "none was promoted yet: mining uses the base model"}
    return {
        **described,
        "round": lineage.round,
        "weights": lineage.weights,
        "model": Location(f"{context.place.folder}/latest/{layout.MODEL_FOLDER}"),
    }


def _promote(
    context: StageContext, draft: Draft, comparison: PairedComparison, before: Lineage | None
) -> Lineage:
    target = draft.path(layout.MODEL_FOLDER)
    shutil.copytree(trained_model(context.dataset.store), target)
    trained = context.info(layout.FINE_TUNED_MODEL.stage)
    same_data = before is not None and before.data == trained["data"]
    return Lineage(
        round=before.round + 1 if before is not None and same_data else 1,
        data=trained["data"],
        made_from=trained["made_from"],
        weights=hash_folder(target),
        quality={"ndcg_at_10_before": comparison.before, "ndcg_at_10": comparison.after},
        negatives={
            **trained.get("negatives", {}),
            "mined_with": _mined_with(context, before),
            **_false_negative_rate(context),
        },
    )


def _keep(context: StageContext, draft: Draft) -> None:
    folder = published_model(context.dataset.store, context.name)
    if folder is not None:
        shutil.copytree(folder, draft.path(layout.MODEL_FOLDER))


def _round(
    context: StageContext, comparison: PairedComparison, outcome: str, before: Lineage | None
) -> dict[str, Any]:
    """This round in a row, with the false-negative rate of the negatives it was trained on."""
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "mined_with": _mined_with(context, before),
        "ndcg_at_10_before": round(comparison.before, 4),
        "ndcg_at_10_after": round(comparison.after, 4),
        "low": round(comparison.low, 4),
        "high": round(comparison.high, 4),
        "outcome": outcome,
        **_false_negative_rate(context),
    }


def _mined_with(context: StageContext, before: Lineage | None) -> str:
    """Which model mined the negatives of this round."""
    if context.settings.encoding.model != PROMOTED:
        return "encoding.model"
    return "the base model" if before is None else f"promoted model {before.round}"


def _false_negative_rate(context: StageContext) -> dict[str, Any]:
    """The measured rate of the negatives; nothing without one."""
    import pandas as pd

    return rate_of_round(pd.read_parquet(context.input(layout.FALSE_NEGATIVE_AUDIT)))


STAGE = Stage(
    writes=(layout.PROMOTED_MODEL,),
    description=(
        "The best model so far, as a folder that sentence-transformers and FlagEmbedding load, and "
        "what it was made from."
    ),
    make=make,
    version=3,
    reads=(layout.FALSE_NEGATIVE_AUDIT, layout.FINE_TUNED_MODEL, layout.FINE_TUNED_QUALITY),
    settings=settings,
    is_part_of=lambda settings: settings.training is not None,
    kinds=lambda settings: {"torch"},
)
