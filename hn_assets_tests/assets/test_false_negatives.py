"""Calibration, audit, ledger and missing labels, through Dagster, with the real model."""

import csv
import json
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from hn_assets.cli import main
from hn_assets_tests.assets.animals_dataset import AnimalsDataset, told
from hn_assets_tests.assets.partly_labelled import LABELLED, relevant, write_partly_labelled


def make_graph(folder: Path, **changes: dict) -> AnimalsDataset:
    if not (folder / "raw").exists():
        (folder / "raw").mkdir(parents=True)
        write_partly_labelled(folder / "raw")
    sections = {
        "mining": {
            "num_negatives": 5,
            "range_min": None,
            "range_max": None,
            "evaluation_split": "",
        },
        "filters": {"target_false_negative_rate": 0.02},
        **changes,
    }
    return AnimalsDataset(folder, **sections)


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> tuple[AnimalsDataset, dg.ExecuteInProcessResult]:
    graph = make_graph(tmp_path_factory.mktemp("partly_labelled"))
    return graph, graph.materialize()


def test_with_nothing_but_a_target_no_unlabelled_answer_is_mined(done) -> None:
    graph, result = done
    negatives = graph.negatives()
    wrong = [relevant(q, d) for q, d in zip(negatives.query_id, negatives.doc_id, strict=True)]
    assert sum(wrong) / len(wrong) <= 0.02
    ledger = pd.read_parquet(graph.file("hard_negatives", "ledger.parquet"))
    right = [relevant(q, d) for q, d in zip(ledger.query_id, ledger.doc_id, strict=True)]
    unlabelled = np.array(right) & (ledger.outcome != "positive").to_numpy()
    assert unlabelled.sum() == 40 * (6 - LABELLED)  # all of them were candidates
    assert (negatives.probability < told(result)["calibration"]["threshold"]).all()
    assert told(result)["hard_negatives"]["queries_with_enough"] == 40


def test_the_calibration_can_be_read(done) -> None:
    graph, result = done
    kept = json.loads(graph.file("calibration", "calibration.json").read_text())
    found = told(result)["calibration"]
    assert "known positives" in found["basis"]
    assert found["threshold"] == kept["threshold"]
    assert found["estimated_rate"] == pytest.approx(kept["rate"], abs=1e-5)
    assert len(found["model"].records) == len(kept["model"]["features"]) == 9


def test_the_audit_shows_the_methods_and_the_picture(done) -> None:
    graph, result = done
    found = told(result)["false_negative_audit"]
    assert 0 < found["false_negative_rate"] <= 0.02
    assert found["false_negative_rate_kind"] == "measured"
    assert found["rate_against_hardness"].startswith(
        "![false-negative rate against hardness](data:image/png"
    )
    assert len(found["rate_against_hardness"]) < 120_000
    methods = pd.read_parquet(graph.file("false_negative_audit", "audit.parquet"))
    assert {"these settings", "top 5", "hn_mine, ranks 10-210 at random"} <= set(methods.method)


def test_the_checks_pass_and_say_what_was_measured(done) -> None:
    found = {e.check_name: e for e in done[1].get_asset_check_evaluations()}
    assert found["every_candidate_is_accounted_for"].passed
    assert found["false_negative_rate"].passed
    assert "the target is 2.000%" in (found["false_negative_rate"].description or "")


def test_likely_missing_labels_are_those_that_are_missing(done) -> None:
    graph, _ = done
    found = pd.read_parquet(graph.file("likely_missing_labels", "likely_missing_labels.parquet"))
    first = found.head(40)
    right = [relevant(q, d) for q, d in zip(first.query_id, first.doc_id, strict=True)]
    assert sum(right) >= 36
    assert found.relevance_estimate.is_monotonic_decreasing


def test_show_says_how_far_to_trust_the_negatives(done, monkeypatch) -> None:
    graph, result = done
    monkeypatch.chdir(graph.folder)
    shown = CliRunner().invoke(main, ["show", "animals"])
    assert shown.exit_code == 0, shown.output
    words = " ".join(shown.output.split())
    assert "keeps the rate of false negatives under 0.02: " in words
    assert ", estimated on" in words
    assert f"relevance of {told(result)['calibration']['threshold']:.2g} or more" in words
    assert "these settings" in shown.output
    assert "hn_mine, ranks 10-210 at random" in shown.output
    picture = graph.file("false_negative_audit", "rate_against_hardness.png")
    assert str(picture) in shown.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    listed = shown.output.partition("Likely missing labels, the likeliest first:")[2]
    assert listed.count("tell me about the") == 5
    assert "likely_missing_labels.csv" in listed


def test_why_answers_for_chosen_and_for_rejected(done, monkeypatch) -> None:
    graph, _ = done
    monkeypatch.chdir(graph.folder)
    row = graph.negatives().iloc[0]

    def why(query: str, document: str) -> str:
        return CliRunner().invoke(main, ["why", "animals", query, document]).output

    assert f"{row.doc_id!r} is a negative of query" in why(row.query_id, row.doc_id)
    assert "it is a known positive" in why("q-apple", "apple-0")
    assert "its probability of being relevant is" in why("q-apple", "apple-5")
    assert "not among the query's" in why("q-apple", "nowhere")
    assert "Error: the query 'q-nobody' was not mined" in why("q-nobody", "apple-0")


def test_a_filled_in_review_is_obeyed_by_the_next_run(done, tmp_path: Path) -> None:
    graph, _ = done
    listed = graph.file("likely_missing_labels", "likely_missing_labels.csv")
    with listed.open(newline="") as file:
        rows = list(csv.DictReader(file))
    negative = graph.negatives().iloc[0]
    missing = [
        row for row in rows if row["query_id"] == "q-apple" and relevant("q-apple", row["doc_id"])
    ]
    assert missing
    for row in missing:
        row["verdict"] = "relevant"
    rows.append({"query_id": negative.query_id, "doc_id": negative.doc_id, "verdict": "Relevant"})
    second = make_graph(
        tmp_path, filters={"target_false_negative_rate": 0.02, "reviewed_labels": "review.csv"}
    )
    with (tmp_path / "review.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)
    second.materialize()
    qrels = pd.read_parquet(second.file("qrels", "qrels.parquet"))
    now = {f"apple-{n}" for n in range(LABELLED)} | {row["doc_id"] for row in missing}
    assert set(qrels.doc_id[qrels.query_id == "q-apple"]) == now
    lines = second.file("training_set", "flagembedding.jsonl").read_text().splitlines()
    (apple,) = (json.loads(line) for line in lines if "the apple" in json.loads(line)["query"])
    assert len(apple["pos"]) == len(now)
    again = second.negatives()
    pairs = set(zip(again.query_id, again.doc_id, strict=True))
    assert (negative.query_id, negative.doc_id) not in pairs


def test_one_positive_a_query_gives_an_estimate_and_never_a_measurement(tmp_path: Path) -> None:
    graph = AnimalsDataset(
        tmp_path,
        mining={"num_negatives": 3, "range_min": None, "range_max": None},
        filters={"target_false_negative_rate": 0.01},
    )
    result = graph.materialize()
    calibration = told(result)["calibration"]
    assert calibration["queries_with_two_positives"] == calibration["positives_hidden"] == 0
    assert calibration["basis"].startswith("No query has two known positives")
    assert calibration["estimated_rate"] > 0
    assert ", estimated on" in told(result)["hard_negatives"]["plan"]
    assert "nothing was measured" in told(result)["false_negative_audit"]["not_measured"]
    assert "false_negative_rate" not in told(result)["false_negative_audit"]
    checks = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert checks["false_negative_rate"].passed == (calibration["estimated_rate"] <= 0.01)
    assert "the estimated rate is" in (checks["false_negative_rate"].description or "")


def test_nothing_changed_nothing_is_calibrated_again(done) -> None:
    again = done[0].materialize()
    for stage in ("calibration", "false_negative_audit", "hard_negatives", "likely_missing_labels"):
        assert told(again)[stage]["unchanged"]


def test_filters_on_texts_reach_the_ledger(tmp_path: Path) -> None:
    graph = AnimalsDataset(
        tmp_path,
        mining={"num_negatives": 3, "range_min": 0, "range_max": 20},
        filters={"near_duplicate_overlap": 0.5, "answers": "answers.jsonl"},
    )
    (tmp_path / "answers.jsonl").write_text(
        json.dumps({"query_id": "q-cat-0", "answers": ["cave walls"]}) + "\n"
    )
    graph.materialize()
    ledger = pd.read_parquet(graph.file("hard_negatives", "ledger.parquet"))
    counts = ledger.groupby(["query_id", "outcome"], observed=True).size()
    # "The {} lives in many parts of the world and is active by day": all but one word
    assert counts["q-cat-0", "near-duplicate of a positive"] >= 5
    asked = ledger[ledger.query_id == "q-cat-0"]
    held = asked.doc_id[asked.outcome == "holds an answer"]
    assert len(held) >= 1
    assert set(held) == {doc for doc in asked.doc_id if doc.endswith("-2")}
