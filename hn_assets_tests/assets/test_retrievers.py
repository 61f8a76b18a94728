"""The graph with several retrievers, run by Dagster with the real model on a small dataset."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from hn_assets.assets import fine_tuned_quality, negatives_trial, stages_of
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.evaluation.retrieval_quality import measure_each_query
from hn_assets.mining.output.explain import explain
from hn_assets.mining.relevance.compute_features import MODEL_INPUTS
from hn_assets.orchestration.build import build_definitions
from hn_assets.pipeline.stage_context import SharedWork, StageContext
from hn_assets.retrieval.scores import pair_scores
from hn_assets_tests.assets.animals_dataset import STAGES, AnimalsDataset, told

log = logging.getLogger(__name__)

BOTH: list[dict[str, Any]] = [{"type": "dense"}, {"type": "bm25"}]
# of 48 documents, so that neither finds all that the other does
SHALLOW: dict[str, Any] = {
    "search": {"depth": 8, "order": "reciprocal_rank_fusion"},
    "mining": {"range_min": 0, "range_max": 8, "num_negatives": 4},
}


def graph_with(folder: Path, retrievers: list[dict[str, Any]], **changes: Any) -> AnimalsDataset:
    return AnimalsDataset(folder, retrievers=retrievers, **{**SHALLOW, **changes})


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[AnimalsDataset, dg.ExecuteInProcessResult]:
    graph = graph_with(tmp_path_factory.mktemp("both"), BOTH)
    return graph, graph.materialize()


def test_every_retriever_has_an_asset_before_the_joined_candidates(tmp_path: Path) -> None:
    graph = graph_with(tmp_path, [*BOTH, {"type": "bm25", "name": "exact", "language": "none"}])
    specs = build_definitions(graph.dataset).resolve_all_asset_specs()
    names = [spec.key.path[-1] for spec in specs]
    own = ["candidates_dense", "candidates_bm25", "candidates_exact"]
    assert sorted(names) == sorted([*STAGES, *own])
    upstream = {s.key.path[-1]: {d.asset_key.path[-1] for d in s.deps} for s in specs}
    assert upstream["candidates"] == set(own)
    assert upstream["candidates_dense"] == {"faiss_index", "query_embeddings", "qrels"}
    # it needs no vector, so that another encoder does not rank it anew
    assert upstream["candidates_bm25"] == {"qrels"}


@pytest.mark.parametrize("retrievers", [[], [{"type": "dense"}]])
def test_the_encoder_alone_has_the_graph_that_it_has_without_the_section(
    tmp_path: Path, retrievers: list[dict[str, Any]]
) -> None:
    plain, said = AnimalsDataset(tmp_path), AnimalsDataset(tmp_path, retrievers=retrievers)
    versions = [
        {stage.name: stage.code_version(one.dataset.settings) for stage in stages}
        for one in (plain, said)
        for stages in [stages_of(one.dataset.settings)]
    ]
    assert versions[0] == versions[1]


def test_the_ledger_says_who_found_a_candidate(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult],
) -> None:
    graph, _ = done
    ranked = {
        name: pd.read_parquet(graph.file(f"candidates_{name}", "candidates.parquet"))
        for name in ("dense", "bm25")
    }
    joined = pd.read_parquet(graph.file("candidates", "candidates.parquet"))
    pairs = {n: set(zip(r.query_id, r.doc_id, strict=True)) for n, r in ranked.items()}
    assert pairs["dense"] - pairs["bm25"] and pairs["bm25"] - pairs["dense"]
    assert len(joined) == len(pairs["dense"] | pairs["bm25"])
    ledger = pd.read_parquet(graph.file("hard_negatives", "ledger.parquet")).astype(
        {"query_id": str, "doc_id": str, "source": str, "outcome": str}
    )
    for row in ledger.itertuples():
        by = [name for name in pairs if (row.query_id, row.doc_id) in pairs[name]]
        assert row.source == "+".join(by)
    assert set(ledger.source) == {"dense", "bm25", "dense+bm25"}
    negatives = graph.negatives()
    merged = negatives.merge(ledger, on=["query_id", "doc_id"], suffixes=("", "_of_ledger"))
    assert len(merged) == len(negatives) and (merged.source == merged.source_of_ledger).all()
    shared = ledger[ledger.source == "dense+bm25"].iloc[0]
    said = explain(graph.store, shared.query_id, shared.doc_id)
    found = f"found by dense at rank {shared.dense_rank:.0f} and by bm25 at rank"
    assert f"{found} {shared.bm25_rank:.0f}" in said


def test_the_joined_candidates_say_what_each_retriever_gave(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult],
) -> None:
    _, result = done
    said = told(result)
    assert said["candidates"]["retrievers"] == "dense, bm25"
    assert said["candidates"]["order"] == "reciprocal_rank_fusion"
    assert said["candidates_dense"]["depth"] == 8
    rows = [record.data for record in said["candidates"]["by_retriever"].records]
    assert {row["retriever"]: row["candidates"] for row in rows}["dense"] == 8 * 24
    checks = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
    assert checks["positives_are_found"] and checks["index_finds_enough"] and all(checks.values())


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ([{"type": "dense"}, {"type": "bm25", "k1": 0.9}], {"candidates_bm25"}),
        (
            [{"type": "dense"}, {"type": "bm25", "name": "words"}],
            {"candidates", "false_negative_audit"},
        ),
        ([{"type": "bm25"}, {"type": "dense"}], {"candidates"}),
    ],
)
def test_a_change_of_one_retriever_leaves_the_others_as_they_are(
    tmp_path: Path, changed: list[dict[str, Any]], stale: set[str]
) -> None:
    before, after = (
        {s.name: s.code_version(graph.dataset.settings) for s in stages_of(graph.dataset.settings)}
        for graph in (graph_with(tmp_path, BOTH), graph_with(tmp_path, changed))
    )
    assert {name for name in before.keys() & after.keys() if before[name] != after[name]} == stale


def test_the_model_of_relevance_reads_the_rank_in_bm25(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult], tmp_path: Path
) -> None:
    done[0].copied_to(tmp_path)
    graph = graph_with(tmp_path, BOTH, filters={"target_false_negative_rate": 0.05})
    said = told(graph.materialize("calibration", "hard_negatives"))
    rows = [record.data for record in said["calibration"]["model"].records]
    assert rows[-1]["feature"] == "log of lexical rank" and len(rows) == len(MODEL_INPUTS) + 1
    assert said["calibration"]["lexical_retrievers"] == ["bm25"]
    assert "reads ranks by words" in said["hard_negatives"]["plan"]
    assert pd.read_parquet(graph.file("hard_negatives", "ledger.parquet")).probability.notna().any()


def test_what_is_fitted_depends_on_whether_a_retriever_ranks_by_words(tmp_path: Path) -> None:
    """Another system's ranking of the same name and content tells nothing about words."""
    run = {"type": "run", "name": "bm25", "path": "bm25.trec"}
    target = {"target_false_negative_rate": 0.05}
    words, other, alone = (
        {stage.name: stage.code_version(graph.dataset.settings) for stage in stages}
        for retrievers in (BOTH, [{"type": "dense"}, run], [])
        for graph in [graph_with(tmp_path, retrievers, filters=target)]
        for stages in [stages_of(graph.dataset.settings)]
    )
    changed = {name for name in words.keys() & other.keys() if words[name] != other[name]}
    assert changed - {"candidates_bm25"} == {"calibration", "false_negative_audit"}
    assert all(other[name] == alone[name] for name in ("calibration", "false_negative_audit"))


def test_an_outcome_of_a_trial_is_kept_only_for_the_retrievers_it_was_found_with(
    tmp_path: Path,
) -> None:
    encoder, both, other_order = (
        negatives_trial.settings(
            AnimalsDataset(tmp_path, retrievers=one, trial={}, **changes).dataset.settings
        )
        for one, changes in (([], {}), (BOTH, {}), (BOTH, {"search": {"order": "bm25"}}))
    )
    assert "retrievers" not in encoder
    assert both != other_order and both["retrievers"][1]["k1"] == 1.5


@pytest.mark.parametrize("retrievers", [BOTH, [{"type": "bm25"}]])
def test_a_fine_tuned_model_is_compared_with_the_encoders_own_ranking(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult], retrievers: list[dict[str, Any]]
) -> None:
    graph, _ = done
    settings = graph_with(graph.folder, retrievers, training={}).dataset.settings
    (stage,) = fine_tuned_quality.stages(settings)
    context = StageContext(
        replace(graph.dataset, settings=settings), stage.writes, stage.reads, log, SharedWork()
    )
    own = graph.file("candidates_dense", "candidates.parquet")
    # what the encoder ranks fourth is the answer, so that no other order reaches the same
    ranked = pd.read_parquet(own)
    answers = ranked[ranked["rank"] == 3]
    qrels = answers[["query_id", "doc_id"]].assign(score=1, split="test")
    expected = measure_each_query(own, qrels, "test", depth=8)
    joined = measure_each_query(graph.file("candidates", "candidates.parquet"), qrels, "test", 8)
    found = fine_tuned_quality.measure_present(context, qrels, depth=8)
    pd.testing.assert_frame_equal(found, expected)
    assert set(found.mrr_at_10) == {0.25} and not found.equals(joined)


def test_a_retriever_that_is_edited_is_run_again_and_nothing_else_is(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult], tmp_path: Path
) -> None:
    graph = done[0].copied_to(tmp_path)
    edited = graph_with(tmp_path, [{"type": "dense"}, {"type": "bm25", "k1": 0.1, "b": 1.0}])
    assert edited.dataset.base == graph.dataset.base
    said = told(edited.materialize())
    made = {stage for stage, one in said.items() if not one["unchanged"]}
    assert {"candidates_bm25", "candidates", "hard_negatives"} <= made
    kept = {"corpus", "corpus_embeddings", "query_embeddings", "faiss_index", "candidates_dense"}
    assert not kept & made
    again = told(edited.materialize())
    assert all(one["unchanged"] for stage, one in again.items() if stage not in ("drift", "report"))


def test_a_single_retriever_that_is_not_the_encoder_is_mined_with_the_encoders_scores(
    done: tuple[AnimalsDataset, dg.ExecuteInProcessResult], tmp_path: Path
) -> None:
    graph = graph_with(tmp_path, [{"type": "bm25"}])
    graph.take_vectors_of(done[0])
    graph.materialize(*STAGES[: STAGES.index("candidates")], "candidates_bm25", "candidates")
    graph.materialize("hard_negatives")
    negatives = graph.negatives()
    assert set(negatives.source) == {"bm25"}
    queries, documents = (
        VectorTable(graph.file(stage, "vectors.arrow"))
        for stage in ("query_embeddings", "corpus_embeddings")
    )
    pairs = [
        np.array([table.ids.index(one) for one in column])
        for table, column in ((queries, negatives.query_id), (documents, negatives.doc_id))
    ]
    assert np.array_equal(negatives.score, pair_scores(queries, pairs[0], documents, pairs[1]))
