"""teacher_scores: what a reranker says of the positives and of a shortlist of candidates."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.hardware import choose_devices
from hn_assets.mining.plan import resolved_shortlist
from hn_assets.pipeline.metadata import Metadata, Table, distribution, table
from hn_assets.pipeline.shared_inputs import MINING_INPUTS, open_mining_session
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_run import StageRun
from hn_assets.reranking.model import (
    RerankerIdentity,
    choose_precision,
    describe_space,
    identify_reranker,
)
from hn_assets.reranking.score_pairs import score_shortlist
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets.store import Draft, layout, tables
from hn_assets.text import shorten

if TYPE_CHECKING:
    import pandas as pd

SHOWN_CANDIDATES, SHOWN_CHARACTERS = 5, 120


def settings(settings: DatasetSettings) -> Mapping[str, Any]:
    """What the shortlist depends on, and what the teacher is."""
    teacher = _teacher(settings)
    return {
        "teacher": teacher.model_dump(mode="json", include={"model", "model_class", "sigmoid"}),
        "shortlist": resolved_shortlist(settings.mining, settings.filters, teacher),
    }


def identify(run: StageRun) -> Mapping[str, Any]:
    """All that a score depends on beside its query and its passage."""
    teacher = _teacher(run.settings)
    devices = choose_devices(run.settings.compute.device)
    precision = choose_precision(devices, run.settings.compute.precision)
    files = run.settings.filters.external_files(run.dataset.base)
    return {
        "space": describe_space(_identity(run), teacher, precision),
        "files_of_filters": [str(path) for path in files],
    }


def make(run: StageRun, draft: Draft) -> Metadata:
    """Score the positives and the candidates that would be negatives if more were wanted."""
    teacher = _teacher(run.settings)
    devices = choose_devices(run.settings.compute.device)
    precision = choose_precision(devices, run.settings.compute.precision)
    session = open_mining_session(run)
    shortlist = session.shortlist(teacher.shortlist or 2 * run.settings.mining.num_negatives)
    texts = session.texts_of(shortlist)
    report = score_shortlist(
        texts,
        identity=_identity(run),
        settings=teacher,
        devices=devices,
        precision=precision,
        cache_folder=run.dataset.store.vectors,
        what=run.stage.name,
        log=run.log.info,
    )
    scored = shortlist.assign(score=report.scores)
    kept = scored.sort_values(["query_id", "label", "doc_id"], ascending=[True, False, True])
    rows = pa.Table.from_pandas(kept, tables.TEACHER_SCORES, preserve_index=False)
    path = draft.path(layout.TEACHER_SCORES.name)
    pq.write_table(rows.replace_schema_metadata(None), path, compression="zstd")
    positive = scored.label == 1
    return {
        "dagster/row_count": len(scored),
        "teacher": _identity(run).name,
        "weights": _identity(run).weights,
        "device": ", ".join(devices),
        "precision": precision,
        "positives": int(positive.sum()),
        "candidates": int((~positive).sum()),
        "pairs_scored": report.scored,
        "pairs_reused": report.reused,
        "scoring_seconds": round(report.seconds, 2),
        **distribution(scored.score[positive].to_numpy(), "score_of_positives"),
        **distribution(scored.score[~positive].to_numpy(), "score_of_candidates"),
        "highest_scored_candidates": _samples(scored, texts),
    }


def _teacher(settings: DatasetSettings) -> TeacherSettings:
    assert settings.teacher is not None, "only datasets with a teacher have this stage"
    return settings.teacher


def _identity(run: StageRun) -> RerankerIdentity:
    return run.shared.get("reranker", lambda: identify_reranker(_teacher(run.settings)))


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
    version=1,
    reads=(*MINING_INPUTS, layout.CALIBRATION),
    settings=settings,
    identify=identify,
    is_part_of=lambda settings: settings.teacher is not None,
    kinds=lambda settings: {"torch", "parquet"},
    uses_device=True,
)
