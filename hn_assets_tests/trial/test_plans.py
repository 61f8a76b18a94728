"""The plans of a trial, and the settings that they stand for."""

import pytest

from hn_assets.errors import SettingsError
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.settings.trial import TrialPlanSettings
from hn_assets.trial.plans import KNOWN_PLANS, OWN, apply_plan, plans_to_try

SOURCE = {"type": "python_stdlib"}


def test_without_names_the_own_settings_come_first_and_the_known_plans_after() -> None:
    mining, filters = MiningSettings(hardness=0.3, num_negatives=7), FiltersSettings(min_score=0.2)
    plans = plans_to_try((), mining, filters)
    assert [plan.name for plan in plans] == [OWN, *KNOWN_PLANS]
    assert (plans[0].mining, plans[0].filters) == (mining, filters)
    for plan in plans[1:]:
        assert plan.mining.num_negatives == 7
        assert plan.filters.min_score is None, "what a plan does not say is not set"


def test_filters_of_texts_hold_for_every_plan() -> None:
    filters = FiltersSettings(near_duplicate_overlap=0.8, margin_against="min")
    for plan in plans_to_try((), MiningSettings(), filters):
        assert plan.filters.near_duplicate_overlap == 0.8
        assert plan.filters.margin_against == "min"


def test_a_plan_of_the_users_own_and_a_known_one_by_name() -> None:
    chosen = (
        TrialPlanSettings(name="hn_mine"),
        TrialPlanSettings(name="soft", mining={"hardness": 0.2}, filters={"absolute_margin": 0.1}),
        TrialPlanSettings(name=OWN),
    )
    hn_mine, soft, own = plans_to_try(chosen, MiningSettings(), FiltersSettings(max_score=0.9))
    assert (hn_mine.mining.range_min, hn_mine.mining.range_max) == (10, 210)
    assert (soft.mining.hardness, soft.filters.absolute_margin) == (0.2, 0.1)
    assert soft.filters.max_score is None
    assert own.filters.max_score == 0.9


def test_what_a_plan_says_replaces_the_sections() -> None:
    mining, filters = MiningSettings(hardness=0.3), FiltersSettings(min_score=0.2)
    (plan,) = (one for one in plans_to_try((), mining, filters) if one.name == "5 % margin")
    assert apply_plan(plan.to_json(), mining, filters) == (plan.mining, plan.filters)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"name": "nobody"}, "names 'nobody' and says nothing of it"),
        ({"name": "odd", "mining": {"range_min": 9, "range_max": 3}}, "the plan 'odd'"),
        ({"name": "odd", "filters": {"max_scor": 1.0}}, "did you mean 'max_score'"),
    ],
)
def test_a_plan_that_cannot_work_is_named(plan: dict, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        plans_to_try((TrialPlanSettings(**plan),), MiningSettings(), FiltersSettings())
    with pytest.raises(ValueError, match=said):
        DatasetSettings.model_validate(
            {"source": SOURCE, "trial": {"plans": [plan, {"name": "hn_mine"}]}}
        )


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"mining": {"plan": "tournament"}}, "there is no section trial"),
        ({"trial": {}, "search": {"depth": 210}, "mining": {"range_max": 20}}, None),
        ({"trial": {}, "search": {"depth": 50}, "mining": {"range_max": 20}}, "of a plan"),
        ({"trial": {"min_repeats": 4, "max_repeats": 3}}, "is less than trial.min_repeats"),
        ({"trial": {"plans": [{"name": "hn_mine"}]}}, "two plans at least"),
        ({"trial": {"plans": [{"name": "a", "mining": {"seed": 3}}]}}, "unknown key 'seed'"),
        (
            {
                "trial": {
                    "plans": [{"name": "a", "mining": {"sampling": "stratified_by_teacher_score"}}]
                }
            },
            "has no teacher",
        ),
    ],
)
def test_settings_that_do_not_fit_together(sections: dict, said: str | None) -> None:
    if said is None:
        DatasetSettings.model_validate({"source": SOURCE, **sections})
        return
    with pytest.raises(ValueError, match=said):
        DatasetSettings.model_validate({"source": SOURCE, **sections})
