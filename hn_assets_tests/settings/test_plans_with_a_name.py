"""What a dataset is mined with if its YAML file names a plan, or says nothing."""

from typing import Any

import pytest

from hn_assets.mining.named_plans import DEFAULT_PLAN
from hn_assets.settings.dataset import DatasetSettings

SOURCE = {"source": {"type": "python_stdlib"}}


def read(mining: dict[str, Any], filters: dict[str, Any] | None = None) -> DatasetSettings:
    return DatasetSettings.model_validate({**SOURCE, "mining": mining, "filters": filters or {}})


def takes_the_default(settings: DatasetSettings) -> bool:
    return all(
        getattr(getattr(settings, section), key) == value
        for section, said in DEFAULT_PLAN.items()
        for key, value in said.items()
    )


@pytest.mark.parametrize(
    ("mining", "filters"),
    [
        ({}, {}),
        ({"num_negatives": 4, "seed": 1}, {"near_duplicate_overlap": 0.5}),
        ({"plan": "auto"}, {"margin_against": "max"}),
    ],
)
def test_who_says_nothing_of_a_plan_gets_the_default_one(
    mining: dict[str, Any], filters: dict[str, Any]
) -> None:
    assert takes_the_default(read(mining, filters))
    assert takes_the_default(DatasetSettings.model_validate(SOURCE))


@pytest.mark.parametrize(
    ("mining", "filters"),
    [
        ({"sampling": "top"}, {}),
        ({"range_min": 3}, {}),
        ({}, {"relative_margin": 0.1}),
        ({}, {"target_false_negative_rate": None}),
        ({"plan": "settings"}, {}),
    ],
)
def test_who_says_part_of_a_plan_gets_nothing_else_of_the_default_one(
    mining: dict[str, Any], filters: dict[str, Any]
) -> None:
    settings = read(mining, filters)
    assert settings.mining.random_share == 0
    assert settings.filters.target_false_negative_rate is None


def test_a_named_plan_is_one_line_and_other_keys_go_before_it() -> None:
    mining = read({"plan": "hn_mine"}).mining
    assert (mining.range_min, mining.range_max, mining.sampling) == (10, 210, "random")
    assert mining.range_counts == "including_positives"
    mining = read({"plan": "tutorial", "num_negatives": 7}).mining
    assert (mining.range_min, mining.range_max, mining.sampling) == (5, 15, "top")
    assert mining.num_negatives == 7
    assert read({"plan": "hn_mine"}).filters.target_false_negative_rate is None
    kept = read({"plan": "hn_mine"}, {"target_false_negative_rate": 0.02}).filters
    assert kept.target_false_negative_rate == 0.02


def test_quotas_leave_no_negatives_for_random_documents() -> None:
    retrievers = [{"type": "dense"}, {"type": "bm25"}]
    mining = {"quotas": {"dense": 10, "bm25": 5}}
    values = {**SOURCE, "retrievers": retrievers, "mining": mining}
    settings = DatasetSettings.model_validate(values)
    assert settings.mining.random_share == 0
    assert settings.filters.target_false_negative_rate == 0.01


@pytest.mark.parametrize("plan", ["auto", "settings", "hn_mine", "tutorial"])
def test_settings_that_are_written_out_mean_the_same_when_they_are_read_again(plan: str) -> None:
    settings = read({"plan": plan})
    assert DatasetSettings.model_validate(settings.model_dump()) == settings


def test_settings_made_of_sections_are_filled_in_as_a_file_is() -> None:
    settings = read({"num_negatives": 3})
    rebuilt = DatasetSettings(source=settings.source, mining=type(settings.mining)(num_negatives=3))
    assert takes_the_default(rebuilt)
    assert rebuilt.mining.num_negatives == 3


@pytest.mark.parametrize("wrong", [{"mining": {"plan": ["auto"]}}, {"mining": 3}, {"filters": "x"}])
def test_sections_that_are_none_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"mining|filters"):
        DatasetSettings.model_validate({**SOURCE, **wrong})
