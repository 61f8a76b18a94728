"""A refresh costs what changed; damage is mended; two runs do not get in each other's way."""

import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hn_assets.orchestration.build import build_definitions
from hn_assets_tests.assets.animals_dataset import OF_THE_PAST, STAGES, AnimalsDataset, told
from hn_assets_tests.collections_on_disk import write_jsonl
from hn_assets_tests.small_models import make_tiny_bert

TEXTS_PER_SHARD = 4  # twelve shards of documents


def make_dataset(folder: Path, model: Path, **changes: Any) -> AnimalsDataset:
    encoding = {"model": str(model), "pooling": "mean", **changes.pop("encoding", {})}
    return AnimalsDataset(folder, encoding=encoding, **changes)


def versions(graph: AnimalsDataset) -> dict[str, str]:
    return {stage: graph.version(stage) for stage in STAGES if stage not in OF_THE_PAST}


def rewrite_corpus(graph: AnimalsDataset, change) -> None:
    path = graph.folder / "raw" / "corpus.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    write_jsonl(path, change(rows))


def test_nothing_changed_nothing_is_made_and_all_is_told_again(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = make_dataset(tmp_path, model)
    first = told(graph.materialize())
    before = versions(graph)
    monkeypatch.setattr(
        "hn_assets.encoding.lazy_model.load_model", lambda *a, **k: pytest.fail("a model is loaded")
    )
    again = told(graph.materialize())
    assert sorted(again) == sorted(STAGES)
    assert versions(graph) == before
    for stage in STAGES:
        assert first[stage].pop("unchanged") is False
        assert again[stage].pop("unchanged") is True
        assert again[stage] == first[stage], "tables and figures, as they were"


def test_only_what_changed_is_encoded_and_the_result_is_that_of_a_run_from_nothing(
    tmp_path: Path, model: Path
) -> None:
    graph = make_dataset(tmp_path / "refreshed", model)
    graph.materialize()

    def change(rows: list[dict]) -> list[dict]:
        rows[5]["text"] = "an altogether different text"
        return [{"_id": "new", "title": "", "text": "a new one"}, *rows[:20], *rows[21:]]

    rewrite_corpus(graph, change)
    found = told(graph.materialize())
    assert found["corpus_embeddings"]["texts_encoded"] == 2
    assert found["corpus_embeddings"]["texts_reused"] == 46
    assert found["corpus_embeddings"]["ids_removed"] == 1
    assert found["corpus_embeddings"]["seconds_saved"] >= 0
    assert found["query_embeddings"]["unchanged"]
    assert found["candidates"]["documents_new"] == 2
    assert found["candidates"]["documents_gone"] == 2
    refreshed = found["candidates"]["queries_searched"]
    assert refreshed + found["candidates"]["queries_kept_and_merged"] == 24

    shutil.copytree(graph.folder / "raw", tmp_path / "fresh" / "raw")
    fresh = make_dataset(tmp_path / "fresh", model)
    fresh.take_vectors_of(graph)
    fresh.materialize()
    assert files(fresh) == files(graph)


def test_a_model_overwritten_in_place_encodes_everything_and_the_old_one_is_found_again(
    tmp_path: Path,
) -> None:
    folder = make_tiny_bert(tmp_path / "model")
    graph = make_dataset(tmp_path / "animals", folder, checks={"max_ndcg_drop": 1})
    graph.materialize()
    before = versions(graph)
    make_tiny_bert(folder, seed=1)
    found = told(graph.materialize())
    assert found["corpus_embeddings"]["texts_encoded"] == 48
    assert versions(graph)["corpus_embeddings"] != before["corpus_embeddings"]
    make_tiny_bert(folder, seed=0)
    found = told(graph.materialize())
    assert found["corpus_embeddings"]["texts_encoded"] == 0
    assert found["corpus_embeddings"]["texts_reused"] == 48
    assert versions(graph) == before


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        ({"mining": {"num_negatives": 3}}, {"false_negative_audit", "hard_negatives"}),
        ({"filters": {"min_score": 0.1}}, {"false_negative_audit", "hard_negatives"}),
        ({"export": {"formats": ["triplet"]}}, {"training_set"}),
        ({"search": {"memory_mb": 64}}, set()),
        ({"search": {"depth": 30}}, {"candidates"}),
        ({"compute": {"max_tokens_per_batch": 99}}, set()),
        ({"encoding": {"query_instruction": "find: "}}, {"query_embeddings"}),
        ({"encoding": {"passage_instruction": "text: "}}, {"corpus_embeddings"}),
        ({"encoding": {"include_title": False}}, {"corpus_embeddings"}),
        ({"search": {"index": "IVF4,Flat"}}, {"faiss_index"}),
    ],
)
def test_a_changed_setting_changes_the_code_version_of_what_depends_on_it(
    tmp_path: Path, change: dict, stale: set
) -> None:
    def code_versions(graph: AnimalsDataset) -> dict[str, str | None]:
        specs = build_definitions(graph.dataset).resolve_all_asset_specs()
        return {spec.key.path[-1]: spec.code_version for spec in specs}

    before, after = (
        code_versions(AnimalsDataset(tmp_path)),
        code_versions(AnimalsDataset(tmp_path, **change)),
    )
    assert {stage for stage in before if before[stage] != after[stage]} == stale


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory: pytest.TempPathFactory, model: Path) -> AnimalsDataset:
    graph = make_dataset(tmp_path_factory.mktemp("undamaged"), model)
    graph.materialize()
    return graph


PUBLISHED = [
    "corpus/latest/corpus.parquet",
    "corpus_embeddings/latest/vectors.arrow",
    "faiss_index/latest/index.faiss",
    "candidates/latest/candidates.parquet",
    "candidates/latest/documents.parquet",
    "hard_negatives/manifest.json",
    "training_set/latest/flagembedding.jsonl",
    "training_set/manifest.json",
]
# each kind of damage to a file of an earlier stage, which others read, and to a manifest
IN_SHORT = {("flip", name) for name in PUBLISHED[::2]} | {
    (damage, name) for damage in ("truncate", "delete") for name in (PUBLISHED[1], PUBLISHED[-1])
}


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        pytest.param(*case, marks=[] if case in IN_SHORT else [pytest.mark.soak])
        for case in itertools.product(("flip", "truncate", "delete"), PUBLISHED)
    ],
)
def test_damage_is_found_and_only_what_is_damaged_is_made_again(
    undamaged: AnimalsDataset, name: str, damage: str
) -> None:
    graph = undamaged  # as it is again after each of these
    before = versions(graph)
    path = graph.store.root / "animals" / name
    before_damage = path.read_bytes()
    content = bytearray(before_damage)
    if damage == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    found = told(graph.materialize())
    made = {stage for stage in STAGES if not found[stage]["unchanged"]}
    damaged = name.split("/")[0]
    if path.name == "manifest.json" and damage != "delete":  # it is restored from its copy
        assert not made
        assert path.read_bytes() == before_damage
        return
    together = {"corpus", "queries", "qrels"}  # are read in one go
    assert made == (together if damaged in together else {damaged})
    assert versions(graph) == before
    assert graph.store.stage(damaged).verified() is not None


def start_process(folder: Path, model: Path) -> subprocess.Popen:
    code = (
        "from pathlib import Path\n"
        "from hn_assets_tests.assets.test_refresh import make_dataset\n"
        "from hn_assets.encoding import encoder\n"
        f"encoder.WINDOW_TEXTS['same_length'] = {TEXTS_PER_SHARD}\n"
        f"make_dataset(Path({str(folder)!r}), Path({str(model)!r})).materialize()\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def files(graph: AnimalsDataset) -> dict[tuple[str, str], bytes]:
    """Every published file by stage and name."""
    return {
        (stage, path.name): path.read_bytes()
        for stage in STAGES
        if stage not in OF_THE_PAST
        for path in sorted((graph.store.stage(stage).folder / "latest").iterdir())
    }


def strays(graph: AnimalsDataset) -> list[Path]:
    root = graph.store.root
    return [p for p in root.rglob("*") if ".staging-" in p.name or ".writing-" in p.name]


def shards(graph: AnimalsDataset) -> set[Path]:
    return set(graph.store.vectors.glob("*/*.arrow"))


def wait_for_a_shard(graph: AnimalsDataset, process: subprocess.Popen) -> None:
    while not shards(graph):
        assert process.poll() is None
        time.sleep(0.01)


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def assert_completed(process: subprocess.Popen) -> None:
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()[-2000:]


def assert_same_as_undisturbed(graph: AnimalsDataset, folder: Path, model: Path) -> None:
    undisturbed = make_dataset(folder, model)
    undisturbed.take_vectors_of(graph)
    undisturbed.materialize()
    assert files(graph) == files(undisturbed)
    assert not strays(graph)


def test_killed_while_encoding_the_next_run_completes_and_is_the_same(
    tmp_path: Path, model: Path
) -> None:
    graph = make_dataset(tmp_path / "killed", model)
    process = start_process(graph.folder, model)
    wait_for_a_shard(graph, process)
    kill(process)
    kept = shards(graph)
    found = told(graph.materialize())["corpus_embeddings"]
    assert found["texts_reused"] >= TEXTS_PER_SHARD
    assert found["texts_reused"] + found["texts_encoded"] == 48
    assert kept <= shards(graph), "none is made again"
    assert_same_as_undisturbed(graph, tmp_path / "undisturbed", model)


@pytest.mark.soak
def test_two_runs_at_once_give_what_one_gives(tmp_path: Path, model: Path) -> None:
    graph = make_dataset(tmp_path / "both", model)
    other = start_process(graph.folder, model)
    wait_for_a_shard(graph, other)
    graph.materialize()
    assert_completed(other)
    assert_same_as_undisturbed(graph, tmp_path / "alone", model)


def test_the_prune_job_says_what_it_would_remove_and_then_removes_it(
    tmp_path: Path, model: Path
) -> None:
    graph = make_dataset(tmp_path, model)
    graph.materialize()
    rewrite_corpus(graph, lambda rows: rows[1:])
    graph.materialize()
    job = build_definitions(graph.dataset).resolve_job_def("animals_prune")

    def count() -> int:
        from hn_assets.encoding.vectors.vector_cache import VectorCache

        return sum(
            len(VectorCache(graph.store.vectors, json.loads(path.read_text())))
            for path in graph.store.vectors.glob("*/space.json")
        )

    before = count()
    for really, gone in ((False, 0), (True, 1)):
        config = {"ops": {"animals__prune": {"config": {"keep": 1, "really": really}}}}
        assert job.execute_in_process(run_config=config).success
        assert before - count() == gone
    assert told(graph.materialize())["corpus_embeddings"]["unchanged"]


def test_a_new_machine_goes_on_from_what_lies_under_a_url(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HN_DATA_DIR", f"file://{tmp_path}/remote")
    one = make_dataset(tmp_path / "one", model)
    first = told(one.materialize())
    assert first["training_set"]["path"].startswith(f"file://{tmp_path}/remote/animals")
    two = make_dataset(tmp_path / "two", model)
    assert all(found["unchanged"] for found in told(two.materialize()).values())
    three = make_dataset(tmp_path / "three", model)
    rewrite_corpus(three, lambda rows: [*rows[1:], {"_id": "new", "text": "a new text"}])
    found = told(three.materialize())
    assert found["corpus_embeddings"]["texts_encoded"] == 1
    assert found["corpus_embeddings"]["texts_reused"] == 47
    assert found["candidates"]["documents_new"] == 1
    assert versions(one) == versions(three), "the first machine reads what the third has made"
