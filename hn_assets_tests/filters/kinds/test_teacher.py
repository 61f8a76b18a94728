"""A teacher's limits in mining; d2 is the positive, and documents are ranked by their number."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hn_assets.errors import StoreError
from hn_assets.filters.kinds.teacher import TEACHER_MAX_SCORE
from hn_assets.mining.rules.reasons import NOT_SCORED, POSITIVE, REASONS
from hn_assets.settings.filters import FiltersSettings
from hn_assets_tests.mining.output.ledger_rows import assert_sentences, ledger_of
from hn_assets_tests.mining.ranked_dataset import RankedDataset

SCORES = {"d1": 6.0, "d2": 5.0, "d3": 4.0, "d4": 3.0, "d5": 2.0, "d6": 1.0}
ALL: dict[str, Any] = {"range_min": 0, "range_max": 9, "num_negatives": 9}


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({}, ["d1", "d3", "d4", "d5", "d6"]),
        ({"max_score": 3.0}, ["d4", "d5", "d6"]),
        ({"min_score": 3.0}, ["d1", "d3", "d4"]),
        ({"margin": 1.0}, ["d3", "d4", "d5", "d6"]),
        ({"margin": 2.5, "min_score": 1.5}, ["d5"]),
    ],
)
def test_limits_reject_and_what_was_not_scored_is_no_negative(
    tmp_path: Path, limits: dict[str, float], left: list[str]
) -> None:
    dataset = RankedDataset()
    found, _ = dataset.mine(teacher=dataset.teacher(tmp_path, SCORES, **limits), **ALL)
    assert found == {"q0": left}


@pytest.mark.parametrize(
    ("against", "left"), [("min", ["d5", "d6"]), ("mean", ["d4", "d5", "d6"]), ("max", None)]
)
def test_the_margin_is_measured_from_the_positives_that_are_named(
    tmp_path: Path, against: str, left: list[str] | None
) -> None:
    dataset = RankedDataset()
    dataset.judge("q0", "d1", 1)
    scores = {**SCORES, "d2": 3.0}
    filters = FiltersSettings.model_validate({"margin_against": against, "max_search_depth": 0})
    found, _ = dataset.mine(filters, teacher=dataset.teacher(tmp_path, scores, margin=1.0), **ALL)
    assert found["q0"] == (left or ["d3", "d4", "d5", "d6"])


def test_what_a_person_judged_passes_the_maximum_and_the_margin_but_not_the_minimum(
    tmp_path: Path,
) -> None:
    dataset = RankedDataset()
    dataset.judge("q0", "d1", 0)
    dataset.judge("q0", "d6", 0)
    limits = {"max_score": 3.5, "margin": 1.0, "min_score": 1.5}
    found, _ = dataset.mine(teacher=dataset.teacher(tmp_path, SCORES, **limits), **ALL)
    assert found == {"q0": ["d1", "d4", "d5"]}


def test_the_reasons_and_their_numbers(tmp_path: Path) -> None:
    dataset = RankedDataset()
    (mined,) = dataset.miner(teacher=dataset.teacher(tmp_path, SCORES, max_score=3.0), **ALL).mine(
        dataset.block()
    )
    reasons = [REASONS[code] if code >= 0 else None for code in mined.decisions.codes[0]]
    assert reasons[:5] == [NOT_SCORED, TEACHER_MAX_SCORE, POSITIVE, TEACHER_MAX_SCORE, None]
    assert (mined.decisions.values[0, 1], mined.decisions.limits[0, 1]) == (6.0, 3.0)
    assert mined.features.teacher_scores is not None
    np.testing.assert_array_equal(mined.features.teacher_scores[0, :4], [np.nan, 6.0, 5.0, 4.0])


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_score": 3.0}, "above the teacher's maximum"),
        ({"min_score": 3.0}, "below the teacher's minimum"),
        ({"margin": 2.0}, "within the teacher's margin"),
    ],
)
def test_each_reason_is_told_as_a_sentence(
    tmp_path: Path, limits: dict[str, float], reason: str
) -> None:
    dataset = RankedDataset()
    assert_sentences(
        ledger_of(dataset, teacher=dataset.teacher(tmp_path, SCORES, **limits)), [reason]
    )


def test_a_short_query_is_searched_deeper_where_more_was_scored(tmp_path: Path) -> None:
    dataset = RankedDataset(documents=30, depth=5)
    far = {"d2": 5.0, "d3": 4.0, "d12": 1.0, "d13": 1.0}
    filters = FiltersSettings(max_positive_similarity=1.1)
    options: dict[str, Any] = {"range_min": 0, "range_max": 5, "num_negatives": 2}
    found, report = dataset.mine(
        filters, teacher=dataset.teacher(tmp_path, far, max_score=2.0), **options
    )
    assert found == {"q0": ["d12", "d13"]}
    assert report.deepened == 1
    near = {"d2": 5.0, "d3": 4.0, "d4": 1.0}
    found, report = dataset.mine(
        filters, teacher=dataset.teacher(tmp_path, near, max_score=2.0), **options
    )
    assert found == {"q0": ["d4"]}
    assert report.deepened == 0, "nothing further was scored"


def test_scores_of_documents_that_are_gone_are_refused(tmp_path: Path) -> None:
    dataset = RankedDataset()
    with pytest.raises(StoreError, match="materialize everything from candidates on"):
        dataset.teacher(tmp_path, {"d77": 1.0})
    assert len(pd.read_parquet(tmp_path / "teacher_scores.parquet")) == 1
