"""How the settings, and what people use, do with hidden positives."""

from hn_assets.mining.holdout.audit import COLUMNS, Audit
from hn_assets.mining.holdout.audit import audit as audit_method
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.methods import CHOSEN
from hn_assets.mining.plan import Plan, make_plan
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets_tests.mining.holdout.topics_dataset import (
    TopicsDataset,
    calibration_of,
    target_rate,
)


def audit(holdout: Holdout, plan: Plan, repeats: int = 2) -> Audit:
    return audit_method(holdout, plan.method, calibrated=plan.is_calibrated, repeats=repeats)


def test_the_audit_measures_every_method_on_queries_calibration_never_saw(
    topics: TopicsDataset,
) -> None:
    settings = target_rate(0.05)
    plan = make_plan(MiningSettings(), settings, calibration_of(topics, settings))
    found = audit(topics.holdout, plan, repeats=3)
    rows = {row["method"]: row for row in found.methods.to_dict("records")}
    assert rows["top 15"]["rate"] > 0.1
    own = rows[CHOSEN]
    assert own["target"] == 0.05
    assert own["rate"] <= 0.05
    # safer than hn_mine's range, and harder
    hn_mine = rows["hn_mine, ranks 10-210 at random"]
    assert own["mean_score"] > hn_mine["mean_score"]
    assert all(row["rate_low"] <= row["rate"] <= row["rate_high"] for row in rows.values())
    targets = found.methods[found.methods.target.notna()].sort_values("target")
    assert targets.rate.is_monotonic_increasing
    assert targets.mean_score.is_monotonic_increasing


def test_the_audit_of_fixed_settings_follows_them(topics: TopicsDataset) -> None:
    mining = MiningSettings(range_min=0, range_max=15, sampling="top")
    plan = make_plan(mining, FiltersSettings(), None)
    rows = audit(topics.holdout, plan, repeats=2).methods.set_index("method")
    assert rows.loc[CHOSEN, "rate"] == rows.loc["top 15", "rate"]
    margin = FiltersSettings(relative_margin=0.05)
    filtered = make_plan(MiningSettings(range_min=0, range_max=230, sampling="top"), margin, None)
    rows = audit(topics.holdout, filtered, repeats=2).methods.set_index("method")
    assert rows.loc[CHOSEN, "rate"] == rows.loc["5 % below the mean positive, top 15", "rate"]


def test_nothing_is_measured_where_no_query_has_two_positives() -> None:
    few = TopicsDataset(topics=20, labelled=1)
    plan = make_plan(MiningSettings(), FiltersSettings(), None)
    found = audit(few.holdout, plan)
    assert (found.queries, len(found.methods)) == (0, 0)
    assert list(found.methods.columns) == COLUMNS
    assert "nothing was measured" in found.note
