"""The whole graph, run by Dagster with the real model on a small dataset."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import faiss
import numpy as np
import pandas as pd
import pytest

from hn_assets.orchestration.build import build_definitions
from hn_assets_tests.assets.animals_dataset import OF_THE_PAST, STAGES, AnimalsDataset, told
from hn_assets_tests.collections_on_disk import write_jsonl
from hn_assets_tests.rounding import (
    assert_rankings_differ_by_rounding_only,
    assert_vectors_differ_by_rounding_only,
)
from hn_assets_tests.small_models import make_tiny_bert


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> tuple[AnimalsDataset, dg.ExecuteInProcessResult]:
    graph = AnimalsDataset(tmp_path_factory.mktemp("animals"))
    return graph, graph.materialize()


def metadata(done: tuple[AnimalsDataset, dg.ExecuteInProcessResult], stage: str) -> dict:
    return told(done[1])[stage]


def test_the_graph_is_described(tmp_path: Path) -> None:
    defs = build_definitions(AnimalsDataset(tmp_path).dataset)
    specs = {spec.key.path[-1]: spec for spec in defs.resolve_all_asset_specs()}
    assert sorted(specs) == sorted(STAGES)
    for stage, spec in specs.items():
        assert spec.key == dg.AssetKey(["animals", stage])
        assert spec.group_name == "animals"
        assert spec.description
        assert spec.kinds
        assert spec.code_version
    upstream = {stage: {d.asset_key.path[-1] for d in spec.deps} for stage, spec in specs.items()}
    assert upstream["corpus_embeddings"] == {"corpus"}
    assert upstream["faiss_index"] == {"corpus_embeddings"}
    gates = {"false_negative_audit", "retrieval_quality"}
    assert {"hard_negatives"} | gates == upstream["training_set"]
    repository = defs.get_repository_def()
    (schedule,) = repository.schedule_defs
    assert schedule.job_name == "animals_refresh"
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    job = repository.get_job("animals_refresh")
    pools = {node.name: node.definition.pool for node in job.graph.nodes}  # type: ignore[attr-defined]
    assert {name for name, pool in pools.items() if pool == "gpu"} == {
        "animals__embeddings",
        "animals__candidates",
    }


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("corpus", {"documents": 48, "empty": 0, "duplicated_texts": 0}),
        ("queries", {"queries_train": 18, "queries_test": 6}),
        ("qrels", {"dagster/row_count": 24, "dropped": 0}),
        (
            "corpus_embeddings",
            {"shape": "48 x 384", "dtype": "float32", "device": "cpu", "precision": "float32"},
        ),
        ("query_embeddings", {"shape": "24 x 384", "truncated_share": 0.0, "model": "bundled"}),
        ("faiss_index", {"type": "Flat in float32", "vectors": 48, "dimension": 384}),
        ("faiss_index", {"built_in_memory": False}),
        ("candidates", {"depth": 21, "queries": 24, "index_recall": 1.0, "faiss_device": "cpu"}),
        ("candidates", {"index_kept_in": "its file, mapped"}),
        (
            "hard_negatives",
            {
                "queries": 18,
                "queries_with_enough": 18,
                "queries_with_none": 0,
                "negatives_wanted": 4,
            },
        ),
        ("training_set", {"queries": 18, "positives": 18, "negatives": 72}),
    ],
)
def test_each_asset_says_what_it_holds(done, stage: str, expected: dict) -> None:
    found = metadata(done, stage)
    assert {key: found[key] for key in expected} == expected
    assert Path(found["path"]).is_dir()
    assert found["bytes"] > 0


def test_the_embeddings_say_how_texts_are_read_and_who_says_so(done) -> None:
    rows = [record.data for record in metadata(done, "query_embeddings")["usage"].records]
    said = {row["step"]: (row["value"], row["from"]) for row in rows}
    assert said["prompt"] == ("none", "default")
    assert said["tokens at most"] == (256, "sentence_bert_config.json")
    assert said["pooling"] == ("mean", "1_Pooling/config.json")
    assert said["length made 1"] == ("yes", "modules.json")


def test_samples_can_be_read(done) -> None:
    records = metadata(done, "hard_negatives")["samples"].records
    assert 5 <= len(records) <= 20
    assert all(r.data["query"] and r.data["negative"] and r.data["positive"] for r in records)
    assert "query" in metadata(done, "training_set")["example"]


def test_recall_is_what_the_files_say(done) -> None:
    graph, _ = done
    ranked = pd.read_parquet(graph.file("candidates", "candidates.parquet"))
    qrels = pd.read_parquet(graph.file("qrels", "qrels.parquet"))
    test = qrels[qrels.split == "test"].merge(ranked, on=["query_id", "doc_id"], how="left")
    found = metadata(done, "candidates")
    assert found["test_recall_at_1"] == pytest.approx((test["rank"] < 1).mean(), abs=1e-4)
    assert found["test_recall_at_10"] == pytest.approx((test["rank"] < 10).mean(), abs=1e-4)


def test_everything_opens_without_us(done) -> None:
    folder = done[0].store.root / "animals"
    vectors = pd.read_feather(folder / "corpus_embeddings/latest/vectors.arrow")
    index: Any = faiss.read_index(str(folder / "faiss_index/latest/index.faiss"))
    ids = pd.read_parquet(folder / "faiss_index/latest/ids.parquet")
    assert ids.doc_id.tolist() == vectors.id.tolist()
    stored = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d).reshape(index.ntotal, -1)
    assert np.array_equal(stored, np.stack(vectors.vector.tolist()))
    lines = (folder / "training_set/latest/flagembedding.jsonl").read_text().splitlines()
    assert len(lines) == 18
    assert not list(folder.rglob("*.pickle"))


def test_negatives_name_what_they_were_judged_against(done) -> None:
    negatives = done[0].negatives()
    assert list(negatives) == [
        "query_id",
        "doc_id",
        "source",
        "rank",
        "score",
        "margin",
        "positive_similarity",
        "probability",
        "teacher_score",
        "positive_ids",
        "positive_scores",
    ]
    qrels = pd.read_parquet(done[0].file("qrels", "qrels.parquet"))
    positives = qrels.groupby("query_id").doc_id.agg(list)
    assert all(list(row.positive_ids) == positives[row.query_id] for row in negatives.itertuples())
    ranked = pd.read_parquet(done[0].file("candidates", "candidates.parquet"))
    pair = negatives.explode(["positive_ids", "positive_scores"]).merge(
        ranked, left_on=["query_id", "positive_ids"], right_on=["query_id", "doc_id"]
    )
    assert len(pair)
    assert np.array_equal(pair.positive_scores.astype("float32"), pair.score_y)


def test_equal_vectors_give_equal_bytes_whatever_the_batch_size(done, tmp_path: Path) -> None:
    other = AnimalsDataset(tmp_path, compute={"max_tokens_per_batch": 64})
    other.take_vectors_of(done[0])
    other.materialize()
    # data versions are content: equal content, equal version
    for stage in set(STAGES) - OF_THE_PAST:
        assert other.version(stage) == done[0].version(stage), stage


def test_another_batch_size_changes_vectors_and_rankings_by_rounding_only(
    done, tmp_path: Path
) -> None:
    other = AnimalsDataset(tmp_path, compute={"max_tokens_per_batch": 64})
    other.materialize(*STAGES[: STAGES.index("candidates") + 1])
    for stage in ("corpus_embeddings", "query_embeddings"):
        tables = [pd.read_feather(g.file(stage, "vectors.arrow")) for g in (done[0], other)]
        assert tables[0].id.tolist() == tables[1].id.tolist()
        assert_vectors_differ_by_rounding_only(*(np.stack(t.vector.tolist()) for t in tables))
    assert_rankings_differ_by_rounding_only(*_ranking(done[0]), *_ranking(other))


def _ranking(graph: AnimalsDataset) -> tuple[np.ndarray, np.ndarray]:
    """For each query the candidates, as rows of the corpus, and their scores."""
    row_of = {
        doc: row
        for row, doc in enumerate(pd.read_parquet(graph.file("corpus", "corpus.parquet")).id)
    }
    ranked = pd.read_parquet(graph.file("candidates", "candidates.parquet")).sort_values(
        ["query_id", "rank"]
    )
    depth = ranked["rank"].max() + 1
    rows = ranked.doc_id.map(row_of).to_numpy()
    return rows.reshape(-1, depth), ranked.score.to_numpy().reshape(-1, depth)


def test_the_order_of_the_source_and_the_hash_seed_change_no_byte(done, tmp_path: Path) -> None:
    one = done[0].file("hard_negatives", "hard_negatives.parquet").read_bytes()
    graph = AnimalsDataset(tmp_path)
    graph.take_vectors_of(done[0])
    for name in ("corpus.jsonl", "queries.jsonl"):
        path = tmp_path / "raw" / name
        path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    code = (
        "from pathlib import Path\n"
        "from hn_assets_tests.assets.animals_dataset import AnimalsDataset\n"
        f"AnimalsDataset(Path({str(tmp_path)!r})).materialize()"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    assert graph.file("hard_negatives", "hard_negatives.parquet").read_bytes() == one


def test_both_embeddings_load_the_model_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hn_assets.encoding import lazy_model

    loaded, real = [], lazy_model.load_model
    monkeypatch.setattr(lazy_model, "load_model", lambda *a, **k: loaded.append(1) or real(*a, **k))
    graph = AnimalsDataset(tmp_path)
    graph.materialize("corpus", "queries", "qrels", "corpus_embeddings", "query_embeddings")
    assert loaded == [1]
    before = graph.store.stage("corpus_embeddings").folder.stat().st_mtime_ns
    result = graph.materialize("query_embeddings")
    made = [e.asset_key for e in result.get_asset_materialization_events()]
    assert made == [dg.AssetKey(["animals", "query_embeddings"])]
    assert graph.store.stage("corpus_embeddings").folder.stat().st_mtime_ns == before


def test_settings_can_be_changed_for_one_run(done, tmp_path: Path) -> None:
    graph = done[0].copied_to(tmp_path)
    graph.materialize("hard_negatives", changes={"mining": {"num_negatives": 2}})
    assert set(graph.negatives().groupby("query_id").size()) == {2}
    graph.materialize("training_set", changes={"export": {"formats": ["labeled-list"]}})
    files = graph.store.stage("training_set").require().files
    assert sorted(files) == ["ids.parquet", "labeled-list.parquet"]
    graph.materialize("candidates", changes={"search": {"depth": 25}})
    ranked = pd.read_parquet(graph.file("candidates", "candidates.parquet"))
    assert ranked["rank"].max() == 24


def test_an_approximate_index_for_one_run_is_measured(done, tmp_path: Path) -> None:
    graph = AnimalsDataset(tmp_path, checks={"min_index_recall": 0, "min_recall": 0})
    graph.take_vectors_of(done[0])
    changes = {"search": {"index": "IVF8,Flat"}}
    result = graph.materialize(*STAGES[: STAGES.index("candidates") + 1], changes=changes)
    found = told(result)["candidates"]
    assert 0 < found["index_recall"] < 1
    assert "sample of 200 queries" in found["index_recall_is"]


def test_titles_dropped_for_one_run_are_dropped_to_the_end(tmp_path: Path) -> None:
    graph = AnimalsDataset(tmp_path)
    path = tmp_path / "raw" / "corpus.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    write_jsonl(path, [{**row, "title": "TITLE"} for row in rows])
    graph.materialize()
    lines = graph.file("training_set", "flagembedding.jsonl")
    assert lines.read_text().count("TITLE ") == 18 * 5
    embeddings = ("corpus_embeddings", "query_embeddings")
    graph.materialize(*embeddings, changes={"encoding": {"include_title": False}})
    graph.materialize("faiss_index", "candidates", "hard_negatives", "training_set")
    lines = graph.file("training_set", "flagembedding.jsonl")
    assert "TITLE" not in lines.read_text()


def test_a_changed_setting_that_cannot_work_is_refused(done, tmp_path: Path) -> None:
    graph = done[0].copied_to(tmp_path)
    message = graph.fail("hard_negatives", changes={"mining": {"range_min": 20, "range_max": 2}})
    assert "mining.range_min 20 and mining.range_max 2 leave no rank" in message
    message = graph.fail("training_set", changes={"export": {"formats": ["csv"]}})
    assert "the run's configuration cannot work" in message


def test_a_broken_source_fails_and_leaves_what_was_there(done, tmp_path: Path) -> None:
    graph = done[0].copied_to(tmp_path)
    before = {s: graph.version(s) for s in STAGES}
    path = tmp_path / "raw" / "corpus.jsonl"
    path.write_text(path.read_text() + "{broken\n")
    assert "corpus.jsonl:49: not JSON" in graph.fail()
    assert {s: graph.version(s) for s in STAGES} == before
    assert not list(graph.store.root.rglob(".staging*"))


def test_a_stage_before_its_upstream_says_so(tmp_path: Path) -> None:
    message = AnimalsDataset(tmp_path).fail("hard_negatives")
    assert "animals/corpus has not been materialized" in message


def test_vectors_of_another_model_are_never_compared(done, tmp_path: Path) -> None:
    done[0].copied_to(tmp_path)
    model = make_tiny_bert(tmp_path / "model", dimension=32)
    other = {"model": str(model), "pooling": "mean"}
    changed = AnimalsDataset(tmp_path, encoding=other)
    changed.materialize("query_embeddings")
    message = changed.fail("candidates")
    assert "dimension is 384 for documents and 32 for queries" in message
    changed.materialize("corpus_embeddings")
    assert "faiss_index was built from other vectors" in changed.fail("candidates")
    changed.materialize("faiss_index", "candidates", "hard_negatives")
    assert len(changed.negatives())


def test_a_corrupt_index_is_refused_before_it_is_searched(done, tmp_path: Path) -> None:
    graph = done[0].copied_to(tmp_path)
    path = graph.file("faiss_index", "index.faiss")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    message = graph.fail("candidates")
    assert "index.faiss is damaged" in message
    assert "materialize animals/faiss_index again" in message
    graph.materialize("faiss_index", "candidates")


def test_a_model_with_broken_weights_fails_by_name(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel

    folder = make_tiny_bert(tmp_path / "model")
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight.fill_(float("nan"))
    model.save_pretrained(folder)
    graph = AnimalsDataset(tmp_path, encoding={"model": str(folder), "pooling": "mean"})
    assert "vector of document 'cat-0' is not finite" in graph.fail()
    assert graph.store.stage("corpus_embeddings").manifest() is None


def test_a_store_that_cannot_be_written_fails_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HN_DATA_DIR", str(tmp_path / "file"))
    assert "HN_DATA_DIR" in AnimalsDataset(tmp_path).fail()


def test_a_depth_beyond_the_corpus_ranks_all_of_it(done, tmp_path: Path) -> None:
    sections: dict = {
        "mining": {"range_min": 2, "range_max": 200, "num_negatives": 60},
        "checks": {"min_full_query_share": 0},
    }
    graph = AnimalsDataset(tmp_path, **sections)
    graph.take_vectors_of(done[0])
    graph.materialize(*STAGES[: STAGES.index("hard_negatives") + 1])
    ranked = pd.read_parquet(graph.file("candidates", "candidates.parquet"))
    assert set(ranked.groupby("query_id").size()) == {48}
    sizes = graph.negatives().groupby("query_id").size()
    assert set(sizes) == {48 - 1 - 2}, "all but the positive and the two above the range"


def test_queries_without_positives_and_empty_documents_survive(tmp_path: Path) -> None:
    graph = AnimalsDataset(tmp_path)
    raw = tmp_path / "raw"
    rows = [json.loads(line) for line in (raw / "corpus.jsonl").read_text().splitlines()]
    write_jsonl(
        raw / "corpus.jsonl",
        [*rows, {"_id": "empty", "text": ""}, {"_id": "invisible", "text": "\u200b\ufeff"}],
    )
    qrels = raw / "qrels" / "train.tsv"
    lines = [line for line in qrels.read_text().splitlines() if not line.startswith("q-cat-0")]
    lines += ["q-cat-0\tcat-0\t0", "q-cat-1\tempty\t1", "q-cat-1\tinvisible\t1"]
    qrels.write_text("\n".join(lines) + "\n")
    graph.materialize()
    negatives = graph.negatives()
    assert "q-cat-0" not in set(negatives.query_id)
    assert {"empty", "invisible"}.isdisjoint(negatives.doc_id)
    line = next(
        json.loads(row)
        for row in graph.file("training_set", "flagembedding.jsonl").read_text().splitlines()
        if json.loads(row)["query"] == "how is a young cat fed"
    )
    assert len(line["pos"]) == 1


def test_many_splits_make_no_more_metadata_entries(done, tmp_path: Path) -> None:
    graph = AnimalsDataset(tmp_path)
    raw = tmp_path / "raw"
    queries = (raw / "queries.jsonl").read_text().splitlines()
    extra = [json.dumps({"_id": f"extra-{n}", "text": f"extra query {n}"}) for n in range(50)]
    (raw / "queries.jsonl").write_text("\n".join([*queries, *extra]) + "\n")
    header = "query-id\tcorpus-id\tscore\n"
    for number in range(50):
        path = raw / "qrels" / f"split-{number}.tsv"
        path.write_text(f"{header}extra-{number}\tcat-0\t1\n")
    few = told(done[1])
    many = told(graph.materialize("corpus", "queries", "qrels"))
    for stage in ("queries", "qrels"):
        assert set(many[stage]) == set(few[stage])
    assert (many["queries"]["queries_train"], many["queries"]["splits"]) == (18, 52)
