"""What mining will do, with every default resolved."""

import json
from typing import Any

import pandas as pd
import pytest

from hn_assets.mining import plan as plan_module
from hn_assets.mining.holdout.calibration import calibration_filters
from hn_assets.mining.plan import (
    make_plan,
    planned_sampling,
    resolved_calibration,
    resolved_limits,
    resolved_plan,
    resolved_shortlist,
)
from hn_assets.retrieval.depth import wanted_depth
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.settings.search import MOST_POSITIVES, SearchSettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets_tests.mining.calibration_by_score import calibration_by_score

TARGET = FiltersSettings(target_false_negative_rate=0.05)


def test_the_plan_follows_the_calibration_unless_settings_say_otherwise() -> None:
    found = calibration_by_score(0.5)
    plan = make_plan(MiningSettings(), TARGET, found)
    assert (plan.start, plan.end, plan.sampling.method) == (0, 210, "top")
    own = make_plan(MiningSettings(range_min=5, range_max=100, sampling="random"), TARGET, found)
    assert (own.start, own.end, own.sampling.method) == (5, 100, "random")
    assert planned_sampling(MiningSettings(), calibrated=False).method == "random"
    with pytest.raises(ValueError, match="needs a calibration"):
        make_plan(MiningSettings(), TARGET, None)


def test_a_resolved_plan_holds_every_default_and_is_json() -> None:
    plan = resolved_plan(MiningSettings(), FiltersSettings())
    assert json.loads(json.dumps(plan)) == plan
    assert plan["range"] == [10, 210]
    assert plan["sampling"] == {"method": "random", "count": 15}
    calibrated = resolved_plan(MiningSettings(), TARGET)
    assert calibrated["range"] == [0, 210]
    assert calibrated["sampling"]["method"] == "top"


@pytest.mark.parametrize(
    ("name", "value", "changed", "same"),
    [
        ("DEFAULT_RANGE", (20, 210), (FiltersSettings(),), (TARGET,)),
        ("CALIBRATED_RANGE", (5, 210), (TARGET,), (FiltersSettings(),)),
    ],
)
def test_another_default_in_the_source_changes_the_plans_that_it_matters_to(
    monkeypatch: pytest.MonkeyPatch, name: str, value: Any, changed: tuple, same: tuple
) -> None:
    before = {id(filters): resolved_plan(MiningSettings(), filters) for filters in changed + same}
    calibration = resolved_calibration(MiningSettings(), TARGET)
    monkeypatch.setattr(plan_module, name, value)
    for filters in changed:
        assert resolved_plan(MiningSettings(), filters) != before[id(filters)]
    for filters in same:
        assert resolved_plan(MiningSettings(), filters) == before[id(filters)]
    assert resolved_calibration(MiningSettings(), TARGET) == calibration


def test_a_setting_without_effect_changes_no_plan() -> None:
    before = resolved_plan(MiningSettings(), FiltersSettings())
    assert before == resolved_plan(MiningSettings(simans_a=3.0), FiltersSettings())
    assert before == resolved_plan(MiningSettings(), FiltersSettings(reviewed_labels="x.csv"))
    assert before == resolved_plan(MiningSettings(), FiltersSettings(unlabelled_per_positive=3))
    assert before != resolved_plan(MiningSettings(), FiltersSettings(max_score=0.9))
    assert before != resolved_plan(MiningSettings(seed=1), FiltersSettings())


def test_a_calibration_depends_on_its_own_filter_alone() -> None:
    filters = FiltersSettings(target_false_negative_rate=0.05, max_score=0.9)
    before = resolved_calibration(MiningSettings(), filters)
    assert before == resolved_calibration(MiningSettings(range_min=3), TARGET)
    assert before != resolved_calibration(MiningSettings(num_negatives=3), TARGET)
    assert calibration_filters(filters) == TARGET


def test_hardness_takes_a_window_whether_a_calibration_decides_or_not() -> None:
    mining = MiningSettings(hardness=0.25)
    for calibrated in (True, False):
        sampling = planned_sampling(mining, calibrated=calibrated)
        assert (sampling.method, sampling.hardness) == ("window", 0.25)
    assert resolved_plan(mining, FiltersSettings())["sampling"] == {
        "method": "window",
        "count": 15,
        "hardness": 0.25,
    }


def test_what_decides_where_a_window_lies_is_part_of_its_calibration() -> None:
    def resolved(filters: FiltersSettings = TARGET, **mining: Any) -> dict[str, Any]:
        return resolved_calibration(MiningSettings.model_validate(mining), filters)

    before = resolved(hardness=0.5)
    assert before["range"] == [0, 210]
    assert before != resolved(hardness=0.4)
    assert before != resolved(hardness=0.5, range_max=100)
    assert before != resolved(hardness=0.5, range_counts="including_positives")
    assert before != resolved(TARGET.model_copy(update={"min_score": 0.1}), hardness=0.5)
    # neither can be measured on hidden positives
    assert before == resolved(TARGET.model_copy(update={"answers": "a.jsonl"}), hardness=0.5)
    assert before == resolved(TARGET.model_copy(update={"max_search_depth": 9}), hardness=0.5)


def test_a_shortlist_is_a_plan_with_another_count_and_no_limits() -> None:
    teacher = TeacherSettings(model="any", max_score=3.0)
    mining = MiningSettings(num_negatives=4, on_shortage="drop")
    shortlist = resolved_shortlist(mining, FiltersSettings(), teacher)
    assert shortlist["sampling"]["count"] == 8
    assert "on_shortage" not in shortlist
    limitless = TeacherSettings(model="any", shortlist=8)
    assert resolved_shortlist(mining, FiltersSettings(), limitless) == shortlist
    spread = MiningSettings(num_negatives=4, sampling="stratified")
    by_score = MiningSettings(num_negatives=4, sampling="stratified_by_teacher_score")
    assert resolved_shortlist(by_score, FiltersSettings(), teacher) == resolved_shortlist(
        spread, FiltersSettings(), teacher
    )
    assert resolved_limits(teacher) == {"max_score": 3.0, "min_score": None, "margin": None}


def test_the_rankings_are_as_deep_as_the_range_without_the_positives() -> None:
    rows = [("a", 1, "train"), ("a", 2, "train"), ("a", 0, "train"), ("b", 1, "test")] + [
        ("b", 1, "test")
    ] * 5
    qrels = pd.DataFrame(rows, columns=["query_id", "score", "split"])
    raw = MiningSettings(range_counts="including_positives")
    assert wanted_depth(SearchSettings(), MiningSettings(), qrels) == 212
    assert wanted_depth(SearchSettings(), MiningSettings(range_max=50), qrels) == 52
    assert wanted_depth(SearchSettings(), raw, qrels) == 210
    assert wanted_depth(SearchSettings(depth=300), MiningSettings(), qrels) == 300
    assert wanted_depth(SearchSettings(), MiningSettings(split="other"), qrels) == 210
    many = pd.DataFrame([("a", 1, "train")] * 5_000, columns=qrels.columns)
    assert wanted_depth(SearchSettings(), MiningSettings(), many) == 210 + MOST_POSITIVES
