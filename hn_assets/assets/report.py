"""report: one page per run that a person can open, or attach."""

from hn_assets.errors import StoreError
from hn_assets.evaluation.checks.base.last_training_set import NDCG
from hn_assets.evaluation.checks.base.result import CheckVerdict
from hn_assets.evaluation.checks.run_checks import read_verdicts
from hn_assets.evaluation.retrieval_quality import HISTORY
from hn_assets.evaluation.training_rounds import ROUNDS
from hn_assets.pipeline.metadata import Location, Metadata, table
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.report.advice import training_advice
from hn_assets.report.example_queries import collect_examples
from hn_assets.report.render import headline, render_report
from hn_assets.report.summary import ReportFiles, collect_summary
from hn_assets.report.training_summary import TrainingSummary, collect_training
from hn_assets.store import Draft, layout
from hn_assets.trial.outcome import read_outcome


def identify(context: StageContext) -> Resolved:
    """What every check said."""
    return {"checks": [[v.asset, v.check, v.state] for v in _verdicts(context)]}


def make(context: StageContext, draft: Draft) -> Metadata:
    """Write the page."""
    files = ReportFiles(
        corpus=context.input(layout.CORPUS),
        queries=context.input(layout.QUERIES),
        hard_negatives=context.input(layout.HARD_NEGATIVES),
        ledger=context.input(layout.LEDGER),
        audit=context.input(layout.FALSE_NEGATIVE_AUDIT),
        drift=context.input(layout.DRIFT),
        calibration=context.optional_input(layout.CALIBRATION),
        review=context.optional_input(layout.REVIEW_RESULT),
    )
    history = list(context.info(layout.RETRIEVAL_QUALITY.stage)[HISTORY])
    training = context.settings.training
    summary = collect_summary(
        files,
        mined=context.info(layout.HARD_NEGATIVES.stage),
        history=history,
        ndcg_before=_read_before(context),
        verdicts=_verdicts(context),
        examples=collect_examples(files.corpus, files.queries, files.hard_negatives, files.ledger),
    )
    trial = context.optional_input(layout.NEGATIVES_TRIAL)
    page = render_report(
        context.dataset.name,
        summary,
        _read_chart(context),
        None if training is None else _collect_training(context, training.min_improvement),
        None if trial is None else read_outcome(trial),
    )
    draft.path(layout.REPORT.name).write_text(page, encoding="utf-8")
    draft.info[NDCG] = history[-1].get(NDCG)
    return {
        "can_i_train_on_it": training_advice(_verdicts(context)),
        "in_short": table(headline(summary)),
        "kibibytes": len(page.encode()) >> 10,
        "report": Location(f"{context.place.folder}/latest/{layout.REPORT.name}"),
    }


def _collect_training(context: StageContext, min_improvement: float) -> TrainingSummary:
    return collect_training(
        context.input(layout.FINE_TUNED_MODEL),
        context.input(layout.FINE_TUNED_QUALITY),
        context.input(layout.QUALITY_BY_QUERY),
        context.input(layout.QUERIES),
        rounds=context.info(layout.PROMOTED_MODEL.stage)[ROUNDS],
        min_improvement=min_improvement,
    )


def _verdicts(context: StageContext) -> list[CheckVerdict]:
    return context.shared.get(
        "verdicts", lambda: read_verdicts(context.dataset.store, context.settings)
    )


def _read_chart(context: StageContext) -> bytes | None:
    """The chart of the audit; None if nothing could be measured."""
    files = context.dataset.store.stage(layout.AUDIT_CHART.stage).require().files
    is_drawn = layout.AUDIT_CHART.name in files
    return context.input(layout.AUDIT_CHART).read_bytes() if is_drawn else None


def _read_before(context: StageContext) -> float | None:
    """The nDCG@10 of the last page, which is that of the last run that no check stopped."""
    try:
        manifest = context.place.manifest()
    except StoreError:
        return None
    return None if manifest is None else manifest.info.get(NDCG)


STAGE = Stage(
    writes=(layout.REPORT,),
    description=(
        "One self-contained HTML page: checks, scores, ranks, false-negative rate, quality over "
        "time, drift, examples."
    ),
    make=make,
    version=3,
    reads=(
        layout.CORPUS,
        layout.QUERIES,
        layout.HARD_NEGATIVES,
        layout.LEDGER,
        layout.FALSE_NEGATIVE_AUDIT,
        layout.AUDIT_CHART,
        layout.RETRIEVAL_QUALITY,
        layout.DRIFT,
        layout.CALIBRATION,
        layout.REVIEW_RESULT,
        layout.FINE_TUNED_MODEL,
        layout.FINE_TUNED_QUALITY,
        layout.QUALITY_BY_QUERY,
        layout.PROMOTED_MODEL,
        layout.NEGATIVES_TRIAL,
    ),
    identify=identify,
    kinds=lambda settings: {"html"},
)
