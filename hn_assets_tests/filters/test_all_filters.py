"""A filter is one file: its settings, its reasons, and what it rejects."""

import subprocess
import sys
from pathlib import Path

import pytest

from hn_assets.filters import all_filters as discovery
from hn_assets.filters.all_filters import FILTERS, active_filters, filter_keys, measurable_filters
from hn_assets.filters.kinds.score_limits import ScoreLimits
from hn_assets.mining.rules.reasons import REASONS
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.teacher import TeacherSettings

# what somebody writes who adds a filter, and nothing else
NEW_FILTER = """
from collections.abc import Iterator

from pydantic import Field

from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.filters.base.filter import Filter, Reason, Rejection
from hn_assets.settings_base import Settings

DENSE = Reason("densely surrounded", "its density is {value:.2f}, above {limit:.2f}")


class DensitySettings(Settings):
    max_density: float | None = Field(default=None, description="reject what lies more densely")


class MaxDensity(Filter[DensitySettings]):
    order = 35
    settings_class = DensitySettings
    reasons = (DENSE,)

    @property
    def is_active(self) -> bool:
        return self.settings.max_density is not None

    def reject(self, candidates: CandidateFeatures) -> Iterator[Rejection]:
        limit, density = self.settings.max_density, candidates.local_density
        if limit is not None:
            yield Rejection(DENSE, density > limit, density, limit)
"""

# what a run does with it
USE = """
import sys
from hn_assets.filters import kinds
kinds.__path__.append(sys.argv[1])

from hn_assets.mining.holdout.methods import Method
from hn_assets.mining.output.explain import describe
from hn_assets.mining.output.ledger import to_ledger
from hn_assets.mining.plan import resolved_plan
from hn_assets.mining.rules.sampling import Sampling
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.settings.reference import settings_table
from hn_assets_tests.mining.holdout.topics_dataset import TopicsDataset
from hn_assets_tests.mining.ranked_dataset import RankedDataset

filters = FiltersSettings(max_density=0.984, max_search_depth=0)
assert "`filters.max_density` | number" in settings_table()
assert resolved_plan(MiningSettings(), filters)["filters"]["max_density"] == 0.984
dataset = RankedDataset()
miner = dataset.miner(filters, range_min=0, range_max=9, num_negatives=9)
(result,) = miner.mine(dataset.block())
rows = to_ledger(result, dataset.indexed).to_pylist()
rejected = [row for row in rows if row["outcome"] == "densely surrounded"]
assert 0 < len(rejected) < 9
assert miner.report().rejected["densely surrounded"] == len(rejected)
assert "its density is 0.99, above 0.98." in describe(rejected[0])
holdout = TopicsDataset(topics=5).holdout
rankings = holdout.hide(holdout.all_visible(), holdout.all_visible())
limit = float(rankings.features.local_density.mean())
method = Method("new", Sampling("top", 300), FiltersSettings(max_density=limit))
chosen = method.choose(rankings)
assert chosen.any() and (rankings.features.local_density[chosen] <= limit).all()
print("used")
"""


def test_a_new_filter_is_one_new_file(tmp_path: Path) -> None:
    (tmp_path / "density.py").write_text(NEW_FILTER, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "used", done.stderr


def test_filters_stand_in_their_order_and_those_of_settings_are_active() -> None:
    orders = [kind.order for kind in FILTERS if kind.section == "filters"]
    assert orders == sorted(orders)
    assert not active_filters(FiltersSettings())
    (limits,) = active_filters(FiltersSettings(min_score=0.5))
    assert isinstance(limits, ScoreLimits)
    several = FiltersSettings(answers="a.jsonl", max_score=0.5, target_false_negative_rate=0.1)
    assert [type(one).__name__ for one in active_filters(several)] == [
        "ScoreLimits",
        "Answers",
        "RelevanceModelFilter",
    ]
    assert [type(one).__name__ for one in measurable_filters(several)] == [
        "ScoreLimits",
        "RelevanceModelFilter",
    ]
    (teacher,) = active_filters(TeacherSettings(model="any", margin=1.0))
    assert teacher.section == "teacher"
    assert not measurable_filters(TeacherSettings(model="any", margin=1.0))


def test_the_keys_of_filters_are_those_of_their_section() -> None:
    assert set(filter_keys("teacher")) == {"max_score", "min_score", "margin"}
    others = {
        "keep_judged_irrelevant",
        "max_search_depth",
        "deeper_search_budget",
        "reviewed_labels",
    }
    assert set(FiltersSettings.model_fields) == set(filter_keys("filters")) | others
    assert next(iter(TeacherSettings.model_fields)) == "model"


def test_reasons_have_different_labels() -> None:
    assert len({reason.label for reason in REASONS}) == len(REASONS)


def test_two_filters_of_one_order_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = NEW_FILTER.replace("order = 35", "order = 30")
    (tmp_path / "density_of_the_same_order.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(discovery.kinds, "__path__", [*discovery.kinds.__path__, str(tmp_path)])
    with pytest.raises(TypeError, match="the same order"):
        discovery.find_filters()
