"""What the page shows of a fine-tuned model."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.evaluation.paired_comparison import compare_paired
from hn_assets.evaluation.quality_by_query import DECIDES, write_by_query
from hn_assets.evaluation.retrieval_quality import MEASURES
from hn_assets.evaluation.training_rounds import (
    RATE,
    RATE_NEGATIVES,
    describe_rounds,
    rate_of_round,
)
from hn_assets.report.loss_curve import describe_losses, last_losses, loss_rows
from hn_assets.report.render import render_report
from hn_assets.report.training_summary import TrainingSummary, collect_training
from hn_assets.store import schemas
from hn_assets_tests.report.refresh_files import MARKUP, make_summary

ROUND = {
    "time": "2025-03-03T06:00:00+00:00",
    "mined_with": "the base model",
    "ndcg_at_10_before": 0.41,
    "ndcg_at_10_after": 0.52,
    "low": 0.05,
    "high": 0.17,
    "outcome": "better",
}


def collect(folder: Path, log: dict, rises: float) -> TrainingSummary:
    ids = [f"q{i}" for i in range(40)]
    rows = [{"id": i, "text": f"{MARKUP} {i}", "prompt": None} for i in ids]
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.QUERIES), folder / "queries.parquet")
    before = pd.DataFrame({"query_id": ids, **dict.fromkeys(MEASURES, 0.4)})
    after = before.copy()
    after[DECIDES] += np.linspace(-0.1, 0.1, len(ids)) + rises
    write_by_query(folder / "by_query.parquet", before, after)
    compared = compare_paired(before[DECIDES].to_numpy(), after[DECIDES].to_numpy(), 0.95)
    (folder / "quality.json").write_text(json.dumps({DECIDES: asdict(compared)}))
    (folder / "log.json").write_text(json.dumps(log))
    return collect_training(
        folder / "log.json",
        folder / "quality.json",
        folder / "by_query.parquet",
        folder / "queries.parquet",
        rounds=[ROUND],
        min_improvement=0.0,
    )


def test_the_queries_that_changed_most_come_first(tmp_path: Path) -> None:
    found = collect(tmp_path, {"log": [{"step": 1, "loss": 2.0}]}, rises=0.05)
    assert found.outcome == "better"
    assert [row["query"].split("]")[0] for row in found.rises[:2]] == ["[q39", "[q38"]
    assert found.rises[0]["after"] == pytest.approx(0.55)
    assert [row["query"].split("]")[0] for row in found.falls[:2]] == ["[q0", "[q1"]
    assert all(row["after"] < row["before"] for row in found.falls)


def test_the_losses_are_a_row_for_each_step_or_for_each_look() -> None:
    log = [
        {"step": 5, "epoch": 0.0420168, "loss": 1.23456789},
        {"step": 10, "loss": 1.0},
        {"step": 10, "eval_loss": 2.0},
        {"step": 12, "eval_loss": 1.9},
    ]
    assert loss_rows(log, 20) == [
        {"step": 5, "training": 1.2346},
        {"step": 10, "training": 1.0, "validation": 2.0},
        {"step": 12, "validation": 1.9},
    ]
    assert [row["step"] for row in loss_rows(log, 2)] == [10, 12]
    long = [{"step": step, "loss": 1.0} for step in range(1, 120)]
    thinned = [row["step"] for row in loss_rows(long, 20)]
    assert len(thinned) == 20
    assert (thinned[-1], thinned[-2]) == (119, 113)
    assert loss_rows([], 20) == []
    assert last_losses(log) == {"training_loss": 1.0, "validation_loss": 1.9}
    assert describe_losses([]) == "no loss was logged: there were too few steps"


def test_a_rate_that_was_measured_on_no_negative_is_no_rate() -> None:
    row = {"method": "these settings", "rate": 0.0, "rate_low": 0.0, "rate_high": 1.0}
    assert rate_of_round(pd.DataFrame([{**row, "negatives": 0}])) == {}
    found = rate_of_round(pd.DataFrame([{**row, "rate": 0.0123, "negatives": 50}]))
    assert (found[RATE], found[RATE_NEGATIVES]) == (1.23, 50)


def test_rounds_are_told_in_few_columns_the_latest_first() -> None:
    second = {**ROUND, "mined_with": "promoted model 1", RATE: 0.058}
    first_row, second_row = describe_rounds([ROUND, second])
    assert first_row["negatives mined with"] == "promoted model 1"
    assert first_row["false negatives, % (measured)"] == "0.058"
    assert second_row == {
        "outcome": "better",
        "nDCG@10": "0.4100 to 0.5200",
        "interval of the change": "+0.0500 to +0.1700",
        "negatives mined with": "the base model",
        "false negatives, % (measured)": "?",
        "day": "2025-03-03",
    }


def test_the_page_says_whether_the_model_is_promoted(tmp_path: Path) -> None:
    summary = make_summary(tmp_path)
    assert "fine-tuned model" not in render_report("toy", summary, None)
    log = {"log": [{"step": 1, "loss": 2.0}, {"step": 1, "eval_loss": 1.5}]}
    better = render_report("toy", summary, None, collect(tmp_path, log, rises=0.05))
    assert "The model is promoted." in better
    assert "0.4000 before and 0.4500 after" in better
    assert better.count("data:image/png;base64,") == 1
    assert "<td>2025-03-03</td><td>the base model</td>" in better
    assert MARKUP not in better
    same = render_report("toy", summary, None, collect(tmp_path, log, rises=0.0))
    assert "No difference was found" in same
    assert "The model is not promoted." in same
    none = render_report("toy", summary, None, collect(tmp_path, {}, rises=0.0))
    assert "Nothing was trained: the limit of rounds" in none
    assert "The model is not promoted." not in none
