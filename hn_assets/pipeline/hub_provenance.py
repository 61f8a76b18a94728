"""Where the training files and the promoted model of a dataset come from, read from its store."""

from __future__ import annotations

from collections.abc import Mapping

import hn_assets
from hn_assets.evaluation.training_rounds import RATE, RATE_HIGH, RATE_LOW, RATE_NEGATIVES
from hn_assets.mining.holdout.audit import audited_rate
from hn_assets.mining.holdout.rate import RATE_KINDS, FalseNegativeRate
from hn_assets.pipeline.mining_inputs import calibration_of
from hn_assets.pipeline.promotion import Lineage, base_model, read_lineage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.publishing.provenance import ModelProvenance, Provenance, model_name
from hn_assets.review.review_result import ReviewResult
from hn_assets.settings.encoding import PROMOTED
from hn_assets.store import layout

HIDDEN = "on known positives that were hidden"
VERSIONS = (
    layout.CORPUS.stage,
    layout.QUERIES.stage,
    layout.QRELS.stage,
    layout.HARD_NEGATIVES.stage,
    layout.TRAINING_SET.stage,
)


def provenance(context: StageContext) -> Provenance:
    """Where the training files come from, of what the stage reads."""
    mined = context.info(layout.HARD_NEGATIVES.stage)
    sizes = context.info(layout.TRAINING_SET.stage)["accepted"]["sizes"]
    settings = context.settings
    weights = context.info(layout.CORPUS_EMBEDDINGS.stage)["space"]["weights"]
    return Provenance(
        dataset=context.dataset.name,
        source=settings.source.origin(context.dataset.base),
        model=_miner(context, weights),
        weights=weights,
        split=context.info(layout.TRAINING_SET.stage)["split"],
        counts={
            "documents": sizes["documents"],
            "queries": mined["queries"],
            "positives": sizes["positives"],
            "negatives of a query, at most": mined["negatives"],
        },
        plan=mined["plan"],
        false_negative_rate=describe_rates(_rates(context)),
        settings=mined["made_from"]["settings"],
        versions={
            "hn_assets": hn_assets.__version__,
            **{stage: context.manifest(stage).version for stage in VERSIONS},
        },
        license=settings.hub.license if settings.hub is not None else "",
    )


def model_provenance(context: StageContext, lineage: Lineage) -> ModelProvenance:
    """Where the promoted model comes from."""
    settings = dict(lineage.made_from["settings"]["training"])
    base = model_name(settings.pop("base_model") or base_model(context.settings))
    quality, negatives = lineage.quality, lineage.negatives
    rates: dict[str, FalseNegativeRate] = {}
    if negatives.get(RATE_NEGATIVES):
        low, high = negatives[RATE_LOW] / 100, negatives[RATE_HIGH] / 100
        count = negatives[RATE_NEGATIVES]
        rates[HIDDEN] = FalseNegativeRate(negatives[RATE] / 100, low, high, 0.0, count)
    return ModelProvenance(
        base_model=base,
        weights=lineage.weights,
        round=lineage.round,
        quality=(
            f"nDCG@10 is {quality['ndcg_at_10']:.4f}; that of the model before was "
            f"{quality['ndcg_at_10_before']:.4f}"
        ),
        settings=settings,
        mined_with=str(negatives.get("mined_with", "not known")).replace("encoding.model", base),
        plan=str(negatives.get("plan", "not known")),
        mining=negatives.get("settings", {}),
        false_negative_rate=describe_rates(rates),
        versions=lineage.made_from["inputs"],
    )


def _miner(context: StageContext, weights: str) -> str:
    """The model that mined: the base model, or which one that was promoted of it."""
    base = model_name(base_model(context.settings))
    if context.settings.encoding.model != PROMOTED:
        return base
    lineage = read_lineage(context.dataset.store)
    if lineage is None:
        return base
    if weights == lineage.weights:
        return f"{base}, fine-tuned: promoted model {lineage.round}"
    if weights == lineage.made_from["content"].get("start"):
        return base
    return f"{base}, fine-tuned: a model that was promoted before"


def describe_rates(rates: Mapping[str, FalseNegativeRate]) -> str:
    """The rates with their intervals and kinds, and what each kind rests on, as Markdown.

    Args:
        rates: What is known of the rate, by how it was found.
    """
    if not rates:
        return f"The rate is not known (assumed: {RATE_KINDS['assumed']})."
    found = [f"- {how}: {rate.describe()}" for how, rate in rates.items()]
    kinds = {rate.kind for rate in rates.values()}
    rests = "; ".join(f"{kind}: {text}" for kind, text in RATE_KINDS.items() if kind in kinds)
    return "\n".join(
        ["Of the negatives, with a 95 % interval, are false:", "", *found, "", f"{rests}."]
    )


def _rates(context: StageContext) -> dict[str, FalseNegativeRate]:
    """All that is known of the rate, what rests on most evidence first."""
    import pandas as pd

    found: dict[str, FalseNegativeRate] = {}
    verdicts = context.optional_input(layout.REVIEW_RESULT)
    if verdicts is not None:
        result = ReviewResult.read(verdicts)
        if result.rate is not None:
            found["by people's verdicts on a random sample"] = result.rate
    audited = audited_rate(pd.read_parquet(context.input(layout.FALSE_NEGATIVE_AUDIT)))
    if audited is not None:
        found[HIDDEN] = audited
    calibration = calibration_of(context)
    if calibration is not None:
        found["with the positives that nobody labelled"] = calibration.false_negative_rate
    return found
