"""A real collection, half of whose labels are hidden, by the graph and without Dagster."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from hn_assets import mine_hard_negatives
from hn_assets.api import DATASET
from hn_assets.store.layout import VECTOR_CACHE
from hn_assets_tests.assets.animals_dataset import SMALL, AnimalsDataset, told
from hn_assets_tests.collections_on_disk import shared

TARGET = 0.01
SECTIONS: dict[str, Any] = {
    "compute": {**SMALL["compute"], "precision": "auto"},
    "encoding": {"passage_max_length": 64},  # a third of the time
    "mining": {
        "num_negatives": 15,
        "range_min": None,
        "range_max": None,
        "evaluation_split": "",
    },
    "filters": {"target_false_negative_rate": TARGET},
}


@dataclass
class Mined:
    """A graph that was materialized, and the pairs of query and document that it did not see."""

    graph: AnimalsDataset
    result: dg.ExecuteInProcessResult
    hidden: pd.DataFrame


@pytest.fixture(scope="module")
def cranfield(tmp_path_factory: pytest.TempPathFactory) -> Mined:
    source, folder = shared("cranfield"), tmp_path_factory.mktemp("cranfield")
    qrels = pd.read_csv(source / "qrels" / "test.tsv", sep="\t", dtype=str)
    qrels = qrels[qrels.groupby("query-id")["corpus-id"].transform("size") >= 4]
    shuffled = qrels.sample(frac=1, random_state=0)
    of_query = shuffled.groupby("query-id")["corpus-id"]
    is_hidden = of_query.cumcount() < of_query.transform("size") // 2
    raw = folder / "raw"
    (raw / "qrels").mkdir(parents=True)
    for name in ("corpus.jsonl", "queries.jsonl"):
        (raw / name).symlink_to((source / name).resolve())
    shuffled[~is_hidden].to_csv(raw / "qrels" / "train.tsv", sep="\t", index=False)
    graph = AnimalsDataset(folder, **SECTIONS)
    return Mined(graph, graph.materialize(), shuffled[is_hidden])


def test_what_was_hidden_is_not_mined(cranfield: Mined) -> None:
    negatives, hidden = cranfield.graph.negatives(), cranfield.hidden
    secret = set(zip(hidden["query-id"], hidden["corpus-id"], strict=True))
    mined = list(zip(negatives.query_id, negatives.doc_id, strict=True))
    assert sum(pair in secret for pair in mined) / len(mined) <= TARGET
    found = told(cranfield.result)["hard_negatives"]
    assert found["queries_with_enough"] >= 0.95 * found["queries"]
    methods = pd.read_parquet(cranfield.graph.file("false_negative_audit", "audit.parquet"))
    of_method = methods.set_index("method").mean_score
    assert of_method["these settings"] > of_method["hn_mine, ranks 10-210 at random"]


def test_the_same_is_mined_without_dagster(cranfield: Mined, tmp_path: Path) -> None:
    graph = cranfield.graph
    shutil.copytree(graph.store.vectors, tmp_path / DATASET / VECTOR_CACHE)
    mined = mine_hard_negatives(graph.folder / "raw", settings=SECTIONS, folder=tmp_path)
    pd.testing.assert_frame_equal(mined.negatives, graph.negatives())
    assert mined.report["corpus_embeddings"]["texts_encoded"] == 0
