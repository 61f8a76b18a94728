"""A shortlist is scored, ordered and kept; nothing is loaded if every score is there."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from hn_assets.reranking import lazy_model
from hn_assets.reranking.lazy_model import LazyReranker
from hn_assets.reranking.score_pairs import ShortlistReport, score_shortlist, sigmoid
from hn_assets.settings.compute import ComputeSettings
from hn_assets.settings.teacher import TeacherSettings

SHORTLIST = pd.DataFrame(
    {
        "query_id": ["q1", "q1", "q0"],
        "doc_id": ["d2", "d1", "d3"],
        "label": np.array([0, 1, 0], np.int8),
    }
)
TEXTS = [
    ("tell me about the garden", "Long ago a school stood in the square of the old town."),
    ("tell me about the garden", "Long ago a garden stood in the square of the old town."),
    ("tell me about the paper", "Nobody could tell why the wheel had been painted red."),
]


def score(teacher_folder: Path, folder: Path, **settings) -> ShortlistReport:
    teacher = TeacherSettings(model=str(teacher_folder), **settings)
    with LazyReranker(teacher, ComputeSettings(device="cpu"), lambda line: None) as reranker:
        return score_shortlist(
            SHORTLIST,
            TEXTS,
            folder / "scores.parquet",
            reranker=reranker,
            cache_folder=folder / "cache",
            what="teacher_scores",
            log=lambda line: None,
        )


def test_scores_are_kept_by_query_positives_first(
    random_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = score(random_teacher, tmp_path)
    kept = pq.read_table(tmp_path / "scores.parquet").to_pandas()
    assert kept.doc_id.tolist() == ["d3", "d1", "d2"]
    assert kept.score.tolist() == report.scores.score.tolist()
    assert report.scores.index.tolist() == [2, 1, 0], "the places of the texts"
    assert (report.scored, report.reused, len(report.keys)) == (3, 0, 3)
    assert (tmp_path / "cache" / report.space_folder).is_dir()

    monkeypatch.delattr(lazy_model, "Reranker")  # so that none can be loaded
    between = score(random_teacher, tmp_path, sigmoid=True)
    assert (between.scored, between.reused) == (0, 3)
    np.testing.assert_allclose(
        between.scores.score, 1 / (1 + np.exp(-report.scores.score.astype(float))), rtol=1e-6
    )


def test_the_sigmoid_never_overflows() -> None:
    with np.errstate(all="raise", under="ignore"):
        scores = sigmoid(np.array([-1e4, -2, 0, 2, 1e4], np.float32))
    assert scores.tolist() == pytest.approx([0, 0.1192029, 0.5, 0.8807971, 1])
