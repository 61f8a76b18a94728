"""The graph with a run that another tool made, and with vectors of one's own: mined end to end."""

import json
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from hn_assets_tests.assets.animals_dataset import AnimalsDataset, told

RETRIEVERS: list[dict[str, Any]] = [
    {"type": "dense"},
    {"type": "run", "name": "tool", "path": "tool.trec"},
    {
        "type": "vectors",
        "name": "lsa",
        "corpus": "corpus.npy",
        "corpus_ids": "corpus.txt",
        "queries": "queries.parquet",
    },
]

MINED = [
    "corpus",
    "queries",
    "qrels",
    "corpus_embeddings",
    "query_embeddings",
    "faiss_index",
    "candidates_dense",
    "candidates_tool",
    "candidates_lsa",
    "candidates",
    "hard_negatives",
]


def texts(folder: Path, name: str) -> dict[str, str]:
    with (folder / "raw" / f"{name}.jsonl").open() as file:
        return {row["_id"]: row["text"] for row in map(json.loads, file)}


def write_run(folder: Path, depth: int) -> None:
    """What bm25s ranks, as a TREC run."""
    corpus, queries = texts(folder, "corpus"), texts(folder, "queries")
    tool = bm25s.BM25()
    tool.index(bm25s.tokenize([*corpus.values()], show_progress=False), show_progress=False)
    asked = bm25s.tokenize([*queries.values()], show_progress=False)
    rows, scores = tool.retrieve(asked, corpus=[*corpus], k=depth, show_progress=False)
    lines = [
        f"{query} Q0 {document} {rank} {score} bm25s\n"
        for query, found, of in zip(queries, rows, scores, strict=True)
        for rank, (document, score) in enumerate(zip(found, of, strict=True), start=1)
    ]
    (folder / "tool.trec").write_text("".join(lines))


def write_vectors(folder: Path) -> None:
    """Latent semantic analysis, in both forms that vectors may have."""
    corpus, queries = texts(folder, "corpus"), texts(folder, "queries")
    words = TfidfVectorizer()
    matrix = words.fit_transform(corpus.values())
    reduce = TruncatedSVD(8, random_state=0)
    np.save(folder / "corpus.npy", reduce.fit_transform(matrix).astype(np.float32))
    (folder / "corpus.txt").write_text("\n".join(corpus))
    vectors = reduce.transform(words.transform(queries.values()))
    pd.DataFrame({"id": [*queries], "vector": [*vectors]}).to_parquet(folder / "queries.parquet")


@pytest.fixture
def graph(tmp_path: Path) -> AnimalsDataset:
    mining = {"range_min": 0, "range_max": 8, "num_negatives": 4}
    dataset = AnimalsDataset(tmp_path, retrievers=RETRIEVERS, search={"depth": 8}, mining=mining)
    write_run(tmp_path, 8)
    write_vectors(tmp_path)
    return dataset


def test_what_others_have_ranked_is_mined_and_only_what_is_written_anew_is_read_again(
    graph: AnimalsDataset,
) -> None:
    said = told(graph.materialize(*MINED))
    assert said["candidates_tool"]["rows_read"] == 8 * said["candidates_tool"]["queries"]
    assert said["candidates_lsa"]["dimension"] == 8
    ledger = pd.read_parquet(graph.file("hard_negatives", "ledger.parquet"))
    found = {name for source in set(ledger.source) for name in str(source).split("+")}
    assert found == {"dense", "tool", "lsa"}
    assert len(graph.negatives())
    write_run(graph.folder, 7)
    made = {stage for stage, one in told(graph.materialize(*MINED)).items() if not one["unchanged"]}
    assert {"candidates_tool", "candidates"} <= made
    assert not made & {"corpus", "corpus_embeddings", "candidates_dense", "candidates_lsa"}


def test_a_bad_run_stops_the_refresh_with_its_line(graph: AnimalsDataset) -> None:
    with (graph.folder / "tool.trec").open("a") as file:
        file.write("nobody Q0 nothing 1 1.0 bm25s\n")
    lines = 8 * len(texts(graph.folder, "queries")) + 1
    assert f"tool.trec:{lines}: there is no query 'nobody'" in graph.fail(
        *MINED[:3], "candidates_tool"
    )
