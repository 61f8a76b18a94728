"""A limit on the rate, a hardness and a share of random documents together, through Dagster."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from hn_assets import mine_hard_negatives
from hn_assets.report.show import render_dataset
from hn_assets_tests.assets.animals_dataset import AnimalsDataset, told
from hn_assets_tests.assets.partly_labelled import relevant, write_partly_labelled
from hn_assets_tests.small_models import make_bag_of_words_model

CHANGED = {"hardness": 0.6, "random_share": 0.4}
SECTIONS: dict[str, Any] = {
    "compute": {"device": "cpu", "precision": "float32"},
    "mining": {"num_negatives": 5, "range_min": None, "range_max": None, "evaluation_split": ""},
    "filters": {"target_false_negative_rate": 0.02},
    "export": {"formats": ["flagembedding", "triplet"]},
}


@pytest.fixture(scope="module")
def encoding(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("model")
    return {"model": str(make_bag_of_words_model(folder)), "pooling": "mean", "normalize": False}


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, encoding: dict[str, Any]
) -> tuple[AnimalsDataset, dg.ExecuteInProcessResult]:
    """A refresh with other settings in the Launchpad than in the YAML file."""
    folder = tmp_path_factory.mktemp("animals")
    write_partly_labelled(folder / "raw")
    graph = AnimalsDataset(folder, **SECTIONS, encoding=encoding)
    return graph, graph.materialize(changes={"mining": CHANGED})


def test_a_run_can_change_both_and_every_check_passes(done) -> None:
    graph, result = done
    found = told(result)["hard_negatives"]
    assert found["negatives_drawn_at_random"] == 80
    assert found["queries_with_enough"] == 40
    assert "hardness 0.6" in found["ranks"] and "2 of 5" in found["ranks"]
    assert all(e.passed for e in result.get_asset_check_evaluations())
    negatives = graph.negatives()
    assert negatives.source.value_counts().to_dict() == {"dense": 120, "random": 80}
    wrong = [relevant(q, d) for q, d in zip(negatives.query_id, negatives.doc_id, strict=True)]
    assert sum(wrong) / len(wrong) <= 0.02


def test_the_threshold_was_measured_at_the_hardness_of_the_run(done) -> None:
    graph, result = done
    ledger = pd.read_parquet(graph.file("hard_negatives", "ledger.parquet"))
    threshold = told(result)["calibration"]["threshold"]
    ranked = ledger[(ledger.outcome == "chosen") & (ledger.source == "dense")]
    assert (ranked.probability < threshold).all()
    may_be = ledger[ledger.outcome.isin(["chosen", "others were taken"]) & ledger["rank"].notna()]
    for query, own in ranked.groupby("query_id", observed=True):
        ranks = may_be.loc[may_be.query_id == query, "rank"].sort_values().tolist()
        first = ranks.index(own["rank"].min())
        assert ranks[first : first + 3] == sorted(own["rank"])
        assert first == pytest.approx(0.4 * (len(ranks) - 3), abs=0.51)


def test_what_people_read_says_which_negatives_are_random(done) -> None:
    graph, _ = done
    page = graph.file("report", "report.html").read_text()
    assert "80 of them drawn at random" in page
    assert "· drawn at random" in page
    assert "negative " in render_dataset(graph.store, 2)


def test_training_files_hold_random_documents_like_others(done) -> None:
    graph, _ = done
    negatives = graph.negatives()
    lines = graph.file("training_set", "flagembedding.jsonl").read_text().splitlines()
    assert [len(json.loads(line)["neg"]) for line in lines] == [5] * 40
    ids = pd.read_parquet(graph.file("training_set", "ids.parquet"))
    ids = ids[ids.label == 0]
    assert set(zip(ids.query_id, ids.doc_id, strict=True)) == set(
        zip(negatives.query_id, negatives.doc_id, strict=True)
    )
    assert ids["rank"].isna().sum() == negatives["rank"].isna().sum() > 0


def test_a_call_without_dagster_gives_the_same_negatives(
    done, tmp_path: Path, encoding: dict[str, Any]
) -> None:
    graph, _ = done
    write_partly_labelled(tmp_path / "raw")
    mining = {**SECTIONS["mining"], **CHANGED}
    settings = {**SECTIONS, "mining": mining, "encoding": encoding}
    mined = mine_hard_negatives(tmp_path / "raw", settings=settings)
    pd.testing.assert_frame_equal(mined.negatives, graph.negatives())
    assert mined.report["hard_negatives"]["negatives_drawn_at_random"] == 80


def test_random_documents_alone_need_no_rank(tmp_path: Path, encoding: dict[str, Any]) -> None:
    write_partly_labelled(tmp_path / "raw")
    settings = {**SECTIONS, "mining": {**SECTIONS["mining"], "random_share": 1}}
    mined = mine_hard_negatives(tmp_path / "raw", settings={**settings, "encoding": encoding})
    assert set(mined.negatives.source) == {"random"}
    assert mined.negatives.groupby("query_id").size().eq(5).all()
