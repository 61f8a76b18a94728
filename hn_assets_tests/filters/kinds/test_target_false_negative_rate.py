"""What the calibrated relevance model holds to be relevant is rejected."""

from hn_assets.settings.filters import FiltersSettings
from hn_assets_tests.mining.calibration_by_score import calibration_by_score
from hn_assets_tests.mining.output.ledger_rows import assert_sentences, ledger_of
from hn_assets_tests.mining.ranked_dataset import RankedDataset


def test_what_is_probably_relevant_is_rejected_with_its_probability() -> None:
    target = FiltersSettings(target_false_negative_rate=0.1, max_search_depth=0)
    rows = ledger_of(RankedDataset(), target, calibration=calibration_by_score(0.5))
    assert_sentences(rows, ["probably relevant"])
    rejected = [row for row in rows if row["outcome"] == "probably relevant"]
    assert all(row["value"] >= row["limit"] for row in rejected)
