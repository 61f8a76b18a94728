"""review_result: what people's verdicts say of the false-negative rate."""

from pathlib import Path

from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.review_inputs import review_settings, verdicts_path
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.review.review_result import ReviewResult, measure
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.sources.fingerprint import fingerprint_files
from hn_assets.sources.verdicts import read_verdicts
from hn_assets.store import Draft, layout
from hn_assets.store.schemas import read_rows


def settings(settings: DatasetSettings) -> Resolved:
    """Which verdicts still count."""
    return {"min_unchanged_share": review_settings(settings).min_unchanged_share}


def identify(context: StageContext) -> Resolved:
    """The content of the file of verdicts."""
    return {"verdicts": fingerprint_files([verdicts_path(context.dataset)])}


def make(context: StageContext, draft: Draft) -> Metadata:
    """Match the verdicts with their sample, and write what they show."""
    import pandas as pd

    result = measure(
        pd.read_parquet(context.input(layout.REVIEW_SAMPLE)),
        read_verdicts(verdicts_path(context.dataset)),
        pd.read_parquet(context.input(layout.HARD_NEGATIVES), columns=["query_id", "doc_id"]),
        review_settings(context.settings).min_unchanged_share,
        _judge(context.optional_input(layout.JUDGE_VERDICTS)),
    )
    path = draft.path(layout.REVIEW_RESULT.name)
    path.write_text(f"{result.model_dump_json(indent=1)}\n", encoding="utf-8")
    if result.why_not_measured:
        context.log.warning(f"{result.describe()}. The file is {verdicts_path(context.dataset)}")
    return _describe(result)


def _judge(verdicts: Path | None) -> dict[tuple[str, str], bool | None] | None:
    """What a language model said, by query id and document id; None: no verdict that counts."""
    if verdicts is None:
        return None
    meaning = {"relevant": True, "not relevant": False}
    return {
        (row["query_id"], row["doc_id"]): meaning.get(row["verdict"])
        for row in read_rows(verdicts, ["query_id", "doc_id", "verdict"])
    }


def _describe(result: ReviewResult) -> Metadata:
    errors = result.errors
    described: dict[str, object] = {
        "summary": result.describe(),
        "sample": result.sample or "not known",
        "items": result.items,
        "judged": result.judged,
        "unsure": result.unsure,
        "verdicts_of_no_item": result.not_in_sample,
        "negatives_unchanged": f"{result.unchanged_share:.1%}",
        "known_positives_missed": f"{errors.missed} of {errors.positives}",
        "random_documents_called_relevant": f"{errors.false_alarms} of {errors.random_documents}",
        "judged_twice_alike": f"{errors.repeats_agreeing} of {errors.repeats}",
    }
    if result.rate is not None and result.as_judged is not None:
        described |= {
            "false_negative_rate": round(result.rate.rate, 5),
            "false_negative_rate_95_percent": f"{result.rate.low:.3%} to {result.rate.high:.3%}",
            "false_negative_rate_kind": result.rate.kind,
            "false_negative_rate_as_judged": result.as_judged.describe(),
            "negatives_judged": result.as_judged.negatives,
        }
    if result.judged_by_both:
        kappa = "cannot be said" if result.kappa is None else f"{result.kappa:.2f}"
        described["agreement_with_judge"] = f"kappa {kappa} on {result.judged_by_both} items"
    if result.with_judge is not None:
        described["false_negative_rate_with_judge"] = result.with_judge.describe()
    return described


STAGE = Stage(
    writes=(layout.REVIEW_RESULT,),
    description=(
        "The false-negative rate by people's verdicts on a random sample, with its interval and "
        "the reviewer's own errors."
    ),
    make=make,
    version=1,
    reads=(layout.REVIEW_SAMPLE, layout.HARD_NEGATIVES, layout.JUDGE_VERDICTS),
    settings=settings,
    identify=identify,
    # the check of this stage falls back on it
    after=(layout.FALSE_NEGATIVE_AUDIT,),
    is_part_of=lambda settings: settings.has_verdicts,
    kinds=lambda settings: {"json"},
)
