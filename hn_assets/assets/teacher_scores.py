"""teacher_scores: what a reranker says of the positives and of a shortlist of candidates."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hn_assets.encoding.vectors.recorded_versions import record_version
from hn_assets.filters.all_filters import external_files
from hn_assets.mining.plan import resolved_shortlist, shortlist_count
from hn_assets.pipeline.metadata import Metadata, Table, distribution, table
from hn_assets.pipeline.mining_inputs import PLAN_INPUTS, mining_cluster, open_mining_session
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.reranking.lazy_model import LazyReranker
from hn_assets.reranking.score_pairs import ShortlistReport, score_shortlist
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets.sources.fingerprint import fingerprint_files
from hn_assets.store import Draft, layout
from hn_assets.text import shorten

if TYPE_CHECKING:
    import pandas as pd

SHOWN_CANDIDATES, SHOWN_CHARACTERS = 5, 120


def settings(settings: DatasetSettings) -> Mapping[str, Any]:
    """What the shortlist depends on, and what the teacher is."""
    teacher = _teacher(settings)
    return {
        "teacher": teacher.model_dump(
            mode="json", include={"model", "revision", "model_class", "sigmoid"}
        ),
        "shortlist": resolved_shortlist(settings.mining, settings.filters, teacher),
    }


def identify(context: StageContext) -> Mapping[str, Any]:
    """All that a score depends on beside its query and its passage."""
    files = external_files(context.settings.filters, context.dataset.base)
    return {
        "space": _reranker(context).space(),
        "files_of_filters": fingerprint_files(files) if files else None,
    }


def make(context: StageContext, draft: Draft) -> Metadata:
    """Score the positives and the candidates that would be negatives if more were wanted."""
    reranker = _reranker(context)
    session = open_mining_session(context)
    count = shortlist_count(session.mining, reranker.settings)
    shortlist = session.shortlist(count, mining_cluster(context, session))
    texts = session.texts_of(shortlist)
    report = score_shortlist(
        shortlist,
        texts,
        draft.path(layout.TEACHER_SCORES.name),
        reranker=reranker,
        cache_folder=context.dataset.store.vectors,
        what=context.name,
        log=context.log.info,
    )
    context.shared.get("teacher report", lambda: report)
    scored = report.scores
    positive = scored.label == 1
    return {
        "dagster/row_count": len(scored),
        "teacher": reranker.identity.name,
        "weights": reranker.identity.weights,
        "device": ", ".join(reranker.devices),
        "device_reason": reranker.device_reason,
        "precision": reranker.precision,
        "precision_reason": reranker.precision_reason,
        "positives": int(positive.sum()),
        "candidates": int((~positive).sum()),
        "pairs_scored": report.scored,
        "pairs_reused": report.reused,
        "scoring_seconds": round(report.seconds, 2),
        **report.speed,
        **distribution(scored.score[positive].to_numpy(), "score_of_positives"),
        **distribution(scored.score[~positive].to_numpy(), "score_of_candidates"),
        "highest_scored_candidates": _samples(scored, texts),
    }


def published(context: StageContext, version: str) -> None:
    """Record which scores a published version uses, so that the others can be pruned."""
    report: ShortlistReport = context.shared.get("teacher report", _not_made)
    folder = context.dataset.store.vectors
    record_version(folder, report.space_folder, context.name, version, report.keys)


def _not_made() -> ShortlistReport:
    raise AssertionError("the scores must be made before they are published")


def _teacher(settings: DatasetSettings) -> TeacherSettings:
    assert settings.teacher is not None, "only datasets with a teacher have this stage"
    return settings.teacher


def _reranker(context: StageContext) -> LazyReranker:
    teacher, compute, log = _teacher(context.settings), context.settings.compute, context.log.info
    return context.shared.get("reranker", lambda: LazyReranker(teacher, compute, log))


def _samples(scored: "pd.DataFrame", texts: list[tuple[str, str]]) -> Table | str:
    """Candidates that the teacher takes for relevant: labels that may be missing."""
    best = scored[scored.label == 0].nlargest(SHOWN_CANDIDATES, "score")
    return table(
        {
            "query": shorten(texts[int(row)][0], SHOWN_CHARACTERS),
            "candidate": shorten(f"[{best.doc_id[row]}] {texts[int(row)][1]}", SHOWN_CHARACTERS),
            "score": round(float(best.score[row]), 4),
        }
        for row in best.index
    )


STAGE = Stage(
    writes=(layout.TEACHER_SCORES,),
    description=(
        "What the teacher, a reranker, says of the positives and of the candidates on a shortlist."
    ),
    make=make,
    version=3,
    reads=(*PLAN_INPUTS, layout.CALIBRATION),
    settings=settings,
    identify=identify,
    published=published,
    is_part_of=lambda settings: settings.teacher is not None,
    kinds=lambda settings: {"torch", "parquet"},
    uses_device=True,
)
