"""A teacher in the graph: its shortlist, its limits, and its scores in the training files."""

import json
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from hn_assets_tests.assets.animals_dataset import AnimalsDataset, told
from hn_assets_tests.assets.partly_labelled import LABELLED, THINGS, relevant, write_partly_labelled

NEGATIVES = 5


def make_graph(folder: Path, model: Path, **teacher: object) -> AnimalsDataset:
    if not (folder / "raw").exists():
        (folder / "raw").mkdir(parents=True)
        write_partly_labelled(folder / "raw")
    return AnimalsDataset(
        folder,
        mining={
            "num_negatives": NEGATIVES,
            "range_min": 0,
            "range_max": 50,
            "sampling": "top",
            "evaluation_split": "",
        },
        filters={},
        export={"formats": ["flagembedding", "triplet"]},
        teacher={"model": str(model), **teacher},
    )


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, teacher_folder: Path
) -> tuple[AnimalsDataset, dg.ExecuteInProcessResult]:
    graph = make_graph(tmp_path_factory.mktemp("taught"), teacher_folder, margin=3.0)
    return graph, graph.materialize()


def scores_of(graph: AnimalsDataset) -> pd.DataFrame:
    return pd.read_parquet(graph.file("teacher_scores", "teacher_scores.parquet"))


def test_positives_and_a_shortlist_are_scored(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult],
) -> None:
    graph, result = done
    scores = scores_of(graph)
    counts = scores.groupby(["query_id", "label"]).size().unstack()
    assert (counts[1] == LABELLED).all()
    assert (counts[0] == 2 * NEGATIVES).all()
    said = told(result)["teacher_scores"]
    assert (said["pairs_scored"], said["pairs_reused"]) == (len(scores), 0)
    assert said["positives"] == LABELLED * len(THINGS)


def test_what_the_teacher_takes_for_relevant_is_no_negative(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult],
) -> None:
    graph, _ = done
    negatives = graph.negatives()
    wrong = [relevant(q, d) for q, d in zip(negatives.query_id, negatives.doc_id, strict=True)]
    ledger = pd.read_parquet(graph.file("hard_negatives", "ledger.parquet"))
    right = [relevant(q, d) for q, d in zip(ledger.query_id, ledger.doc_id, strict=True)]
    unlabelled = ledger[np.array(right) & (ledger.outcome != "positive").to_numpy()]
    assert len(unlabelled) == (6 - LABELLED) * len(THINGS), "all of them were candidates"
    assert set(unlabelled.outcome) == {"within the teacher's margin"}
    assert (unlabelled.value > unlabelled.limit).all()
    assert not sum(wrong)
    assert set(ledger.outcome[ledger.teacher_score.isna()]) <= {
        "not on the teacher's shortlist",
        "outside the range",
        "positive",
    }
    assert negatives.teacher_score.notna().all()
    assert (negatives.groupby("query_id").size() == NEGATIVES).mean() > 0.9


def test_the_training_files_hold_the_scores(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult],
) -> None:
    graph, _ = done
    known = {(row.query_id, row.doc_id): row.score for row in scores_of(graph).itertuples()}
    lines = graph.file("training_set", "flagembedding.jsonl").read_text().splitlines()
    (apple,) = (json.loads(line) for line in lines if "the apple" in json.loads(line)["query"])
    assert len(apple["pos_scores"]) == len(apple["pos"]) == LABELLED
    assert len(apple["neg_scores"]) == len(apple["neg"])
    ids = pd.read_parquet(graph.file("training_set", "ids.parquet"))
    for row in ids.itertuples():
        assert row.teacher_score == known[row.query_id, row.doc_id]


def test_another_limit_asks_the_teacher_nothing(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult], teacher_folder: Path
) -> None:
    graph, _ = done
    second = make_graph(graph.folder, teacher_folder, max_score=-100.0).materialize(
        raise_on_error=False
    )
    assert told(second)["teacher_scores"]["unchanged"]
    assert not second.success, "everything is above that maximum"
    third = make_graph(graph.folder, teacher_folder).materialize()
    assert told(third)["teacher_scores"]["unchanged"]
    assert not told(third)["hard_negatives"]["unchanged"]
    wider = make_graph(graph.folder, teacher_folder, shortlist=12).materialize()
    said = told(wider)["teacher_scores"]
    assert (said["pairs_scored"], said["candidates"]) == (2 * len(THINGS), 12 * len(THINGS))


def test_scores_through_a_sigmoid(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult], teacher_folder: Path
) -> None:
    graph, _ = done
    make_graph(graph.folder, teacher_folder).materialize()
    raw = scores_of(graph)
    again = make_graph(
        graph.folder, teacher_folder, sigmoid=True, min_score=0.0, max_score=1.0
    ).materialize()
    assert told(again)["teacher_scores"]["pairs_scored"] == 0
    np.testing.assert_allclose(scores_of(graph).score, 1 / (1 + np.exp(-raw.score)), rtol=1e-5)


def test_without_a_teacher_there_is_no_such_asset(tmp_path: Path, model: Path) -> None:
    graph = AnimalsDataset(tmp_path, encoding={"model": str(model), "pooling": "mean"})
    graph.materialize()
    assert not (tmp_path / "data" / "animals" / "teacher_scores").exists()
    assert graph.negatives().teacher_score.isna().all()


def test_a_teacher_that_is_none_ends_the_run(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult], tmp_path: Path
) -> None:
    done[0].copied_to(tmp_path)
    message = make_graph(tmp_path, tmp_path / "nowhere").fail()
    assert "nowhere is not there; set teacher.model to one that is" in message
