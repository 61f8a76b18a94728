"""What the page shows is what the files of the refresh say."""

from pathlib import Path

import pytest

from hn_assets.report.example_queries import collect_examples
from hn_assets.report.summary import collect_summary
from hn_assets_tests.report.refresh_files import DRIFT, MARKUP, MINED, history, write_files


@pytest.fixture
def summary(tmp_path: Path):
    files = write_files(tmp_path)
    unmeasured = {"time": "2025-03-02T00:00:00+00:00", "queries": 0}
    return collect_summary(
        files,
        mined=MINED,
        history=[unmeasured, *history(2)],
        ndcg_before=None,
        verdicts=[],
        examples=collect_examples(files.corpus, files.queries, files.hard_negatives, files.ledger),
    )


def test_counts_and_scores_are_those_of_the_files(summary) -> None:
    assert (summary.documents, summary.queries, summary.queries_with_enough) == (40, 3, 2)
    assert (summary.num_negatives, summary.negatives) == (4, 12)
    assert summary.outcomes["chosen"] == summary.outcomes["others were taken"] == 12
    assert list(summary.outcomes)[-1] == "text of the query", "the rarest outcome comes last"
    assert sorted(summary.positive_scores) == pytest.approx([0.7, 0.7, 0.7, 0.7, 0.8, 0.9])
    assert sorted(set(summary.ranks)) == [5, 6, 7, 8]
    assert summary.drift == DRIFT


def test_what_measured_nothing_is_left_out(summary) -> None:
    assert "nobody's method" not in set(summary.methods.method)
    assert [row["queries"] for row in summary.history] == [9, 9]
    assert summary.time == "2025-03-02T06:00:00+00:00"
    assert summary.threshold == ""


def test_examples_show_positives_negatives_and_what_a_rule_rejected(summary) -> None:
    first = summary.examples[0]
    assert (first.id, first.text) == ("q0", "what is <0> & why")
    assert [passage.id for passage in first.positives] == ["d0", "d1"]
    assert first.positives[0].text == MARKUP
    assert [passage.rank for passage in first.negatives] == [5, 6, 7, 8]
    # rejected by a rule, before those of better rank that were only not taken; no positives
    assert [passage.rank for passage in first.rejected] == [2, 3, 1, 9, 10]
    assert first.rejected[0].why == "it has the text of the query itself"


def test_the_first_refresh_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    files = write_files(tmp_path, measured=False, drift=None)
    summary = collect_summary(
        files, mined=MINED, history=history(1), ndcg_before=None, verdicts=[], examples=[]
    )
    assert summary.drift is None
    assert not len(summary.methods)
