"""Where the training files and the promoted model of a dataset come from, read from its store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hn_assets
from hn_assets.mining.holdout.audit import CHOSEN
from hn_assets.mining.holdout.rate import RATE_KINDS
from hn_assets.pipeline.promotion import Lineage, base_model
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.publishing.provenance import ModelProvenance, Provenance, model_name
from hn_assets.settings.encoding import PROMOTED
from hn_assets.store import layout

if TYPE_CHECKING:
    import pandas as pd

VERSIONS = (
    layout.CORPUS.stage,
    layout.QUERIES.stage,
    layout.QRELS.stage,
    layout.HARD_NEGATIVES.stage,
    layout.TRAINING_SET.stage,
)


def provenance(context: StageContext) -> Provenance:
    """Where the training files come from, of what the stage reads."""
    import pandas as pd

    mined = context.info(layout.HARD_NEGATIVES.stage)
    sizes = context.info(layout.TRAINING_SET.stage)["accepted"]["sizes"]
    settings = context.settings
    encoding = settings.encoding.model
    model = model_name(base_model(settings))
    if encoding == PROMOTED:
        model = f"{model}, or what was promoted of it"
    return Provenance(
        dataset=context.dataset.name,
        source=settings.source.origin(context.dataset.base),
        model=model,
        weights=context.info(layout.CORPUS_EMBEDDINGS.stage)["space"]["weights"],
        split=context.info(layout.TRAINING_SET.stage)["split"],
        counts={
            "documents": sizes["documents"],
            "queries": mined["queries"],
            "positives": sizes["positives"],
            "negatives of a query, at most": mined["negatives"],
        },
        plan=mined["plan"],
        false_negative_rate=describe_rate(
            pd.read_parquet(context.input(layout.FALSE_NEGATIVE_AUDIT))
        ),
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
    quality = lineage.quality
    return ModelProvenance(
        base_model=base,
        weights=lineage.weights,
        round=lineage.round,
        quality=(
            f"nDCG@10 is {quality['ndcg_at_10']:.4f}; that of the model before was "
            f"{quality['ndcg_at_10_before']:.4f}"
        ),
        settings=settings,
    )


def describe_rate(methods: pd.DataFrame) -> str:
    """The rate of these settings with its interval and kind, and what the kind rests on.

    Args:
        methods: The rows of the audit.
    """
    own = methods[methods.method == CHOSEN].to_dict("records")
    if not own:
        return f"The rate is not known (assumed: {RATE_KINDS['assumed']})."
    (row,) = own
    low, high = 100 * row["rate_low"], 100 * row["rate_high"]
    return (
        f"{100 * row['rate']:.2f} % of the negatives are false, with 95 % confidence {low:.2f} to "
        f"{high:.2f} (measured: {RATE_KINDS['measured']})."
    )
