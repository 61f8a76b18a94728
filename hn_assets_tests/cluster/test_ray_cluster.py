"""A real cluster of Ray gives what one process gives, also if its nodes die; one for all tests."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pytest
from dagster_ray import LocalRay

from hn_assets import mine_hard_negatives
from hn_assets.cluster import ray_cluster
from hn_assets.cluster.ray_cluster import RayCluster, RayWorkers, cluster_on_cores
from hn_assets.cluster.shipped_files import ShippedFiles
from hn_assets.encoding.models.unchanged import hash_folder
from hn_assets.errors import ClusterUnavailableError, ModelError, WorkerError
from hn_assets.mining import deeper_budget
from hn_assets.mining import session as mining_session
from hn_assets.mining.data.candidate_block import CandidateBlock, read_candidate_blocks
from hn_assets.mining.output.mining_report import MiningReport
from hn_assets.pipeline import training_inputs
from hn_assets.retrieval.faiss_index import flat_index
from hn_assets.retrieval.searcher import Searcher
from hn_assets.retrieval.sharded_search import ShardedSearcher
from hn_assets.settings.filters import FiltersSettings
from hn_assets.training.fine_tune import fine_tune
from hn_assets.training.train_on_cluster import fine_tune_on
from hn_assets.training.training_process import TrainingProcess
from hn_assets_tests.assets.animals_dataset import (
    SMALL,
    UP_TO_CANDIDATES,
    AnimalsDataset,
    told,
)
from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.mining.dataset_files import write_dataset
from hn_assets_tests.mining.ranked_dataset import RankedDataset
from hn_assets_tests.mining.test_session import open_session
from hn_assets_tests.ray_clusters import add_node, on_ray, ray_nodes
from hn_assets_tests.retrieval.vector_tables import make_table, unit_vectors
from hn_assets_tests.training.jobs import make_job


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with ray_nodes(tmp_path_factory.mktemp("sent"), 2) as started:
        yield started


class Echoes:
    """Computes a job of a word and a value.

    `where` gives the process, `wait` takes a moment, `die` ends the process, `fail` raises.
    """

    report = "echoes"

    def __init__(self, device: str, folder: Path | None) -> None:
        self.device, self.folder = device, folder

    def compute(self, batches: Iterable[tuple[str, Any]]) -> Iterator[tuple[Any, Any]]:
        for word, value in batches:
            if word == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if word == "fail":
                raise value
            if word == "wait":
                time.sleep(0.05)
            self.report = "has echoed"
            yield (word, value), {"value": value, "process": os.getpid(), "folder": self.folder}


def start(cluster: Any, log: list[str], files: ShippedFiles | None = None) -> RayWorkers[Any]:
    return RayWorkers(RayCluster(on_ray(cluster), log.append), Echoes, files, "echoes")


def test_jobs_are_answered_once_by_workers_that_have_the_files(
    cluster: Any, tmp_path: Path
) -> None:
    (tmp_path / "numbers.txt").write_text("1 2 3")
    # no folder of this name is there, as if the nodes were other machines
    files = ShippedFiles.of(tmp_path, "sent", [tmp_path / "numbers.txt"])
    connected = RayCluster(on_ray(cluster), print)
    earlier = RayWorkers[Any](connected, Echoes, None, "echoes")
    before = [answer for _, answer in earlier.compute([("wait", 1) for _ in range(20)])]
    assert {answer["folder"] for answer in before} == {None}
    # another task, by the same processes
    workers = RayWorkers[Any](connected, Echoes, files, "echoes")
    try:
        assert workers.start() == ["echoes", "echoes"]
        large = np.arange(100_000, dtype=np.float32)
        jobs = [("wait", number) for number in range(40)] + [("where", large)]
        answers = list(workers.compute(jobs))
        values = [answer["value"] for _, answer in answers]
        assert sorted(value for value in values if isinstance(value, int)) == list(range(40))
        (array,) = (value for value in values if not isinstance(value, int))
        np.testing.assert_array_equal(array, large)
        processes = {answer["process"] for _, answer in answers}
        assert len(processes) == 2
        assert processes == {answer["process"] for answer in before}
        (folder,) = {answer["folder"] for _, answer in answers}
        assert folder != tmp_path
        assert (folder / "numbers.txt").read_text() == "1 2 3"
        assert workers.start() == ["has echoed", "has echoed"]
        # one who asks for some answers only leaves no stale ones behind
        next(workers.compute([("wait", number) for number in range(30)]))
        again = workers.compute([("where", number) for number in range(100, 110)])
        assert sorted(answer["value"] for _, answer in again) == list(range(100, 110))
        with pytest.raises(ModelError, match="the job cannot be computed"):
            list(workers.compute([("fail", ModelError("the job cannot be computed"))]))
    finally:
        workers.close()


def test_a_node_that_dies_costs_its_jobs_under_way_and_a_new_one_is_used(cluster: Any) -> None:
    more = add_node(cluster)
    log: list[str] = []
    workers = start(cluster, log)
    try:
        assert len(workers.start()) == 3
        processes: list[int] = []
        answered: list[int] = []
        before: set[int] = set()
        deadline = time.monotonic() + 120

        def jobs() -> Iterator[tuple[str, int]]:
            """As many as are answered before a worker has been started anew, and 60 at least."""
            for number in count():
                is_over = len(answered) >= 60 and set(processes) - before
                if is_over or time.monotonic() > deadline:
                    return
                yield "wait", number

        for (_, number), answer in workers.compute(jobs()):
            answered.append(number)
            processes.append(answer["process"])
            if len(answered) == 20:
                before.update(processes)
                raylet = more.all_processes["raylet"][0].process.pid
                elsewhere = [p for p in before if psutil.Process(p).ppid() != raylet]
                cluster.remove_node(more, allow_graceful=False)
                os.kill(elsewhere[0], signal.SIGKILL)  # a worker whose node stays
        assert sorted(answered) == list(range(len(answered)))
        assert any("is lost" in line for line in log)
        assert set(processes) - before, "the one that was killed has been started anew"
    finally:
        workers.close()


def echoes_unless_there(device: str, folder: Path | None, *, marker: Path) -> Echoes:
    if marker.exists():
        raise ModelError("this node cannot load it")
    return Echoes(device, folder)


@pytest.mark.soak
def test_a_worker_that_cannot_load_is_an_error_at_first_and_left_out_later(
    cluster: Any, tmp_path: Path
) -> None:
    log: list[str] = []
    load = partial(echoes_unless_there, marker=tmp_path / "marker")
    workers = RayWorkers[Any](RayCluster(on_ray(cluster), log.append), load, None, "echoes")
    try:
        answers = 0
        for _, answer in workers.compute([("wait", number) for number in range(300)]):
            answers += 1
            if answers == 20:
                (tmp_path / "marker").touch()
                os.kill(answer["process"], signal.SIGKILL)
        assert answers == 300
        assert any("could not load: this node cannot load it" in line for line in log)
    finally:
        workers.close()
    again = RayWorkers[Any](RayCluster(on_ray(cluster), log.append), load, None, "echoes")
    with pytest.raises(ModelError, match="this node cannot load it"):
        again.start()


@pytest.mark.soak
def test_a_job_that_ends_every_worker_is_an_error(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = start(cluster, [])
    with pytest.raises(WorkerError, match="3 workers of Ray.* while they computed the same job"):
        list(workers.compute([("where", 1), ("die", 2)]))
    workers.close()


def test_negatives_are_those_of_one_process(cluster: Any, model: Path, tmp_path: Path) -> None:
    animals(tmp_path / "raw")
    sections = {name: section for name, section in SMALL.items() if name != "job"}
    sections["encoding"] = {"model": str(model), "pooling": "mean"}
    there = on_ray(cluster).model_dump()
    there["ray"]["mining_from_queries"] = 1
    of_one = mine_hard_negatives(
        tmp_path / "raw",
        settings={**sections, "compute": {"device": "cpu", "precision": "float32"}},
    )
    folder = tmp_path / "kept"
    of_ray = mine_hard_negatives(
        tmp_path / "raw", settings={**sections, "compute": there}, folder=folder
    )
    pd.testing.assert_frame_equal(of_ray.negatives, of_one.negatives)
    pd.testing.assert_frame_equal(of_ray.ledger, of_one.ledger)
    told = of_ray.report["corpus_embeddings"]
    assert told["device"] == "cpu, cpu"
    assert "every worker of Ray" in told["device_reason"]
    assert of_ray.report["candidates"]["faiss_device_reason"] == "on the nodes of Ray"
    assert of_ray.report["hard_negatives"]["mined_on"] == "the nodes of Ray"
    # the same vectors and rankings, so that nothing is made again without Ray
    again = mine_hard_negatives(
        tmp_path / "raw",
        settings={**sections, "compute": {**there, "engine": "in_process"}},
        folder=folder,
    )
    assert again.report["corpus_embeddings"]["unchanged"]
    assert again.report["candidates"]["unchanged"]


def test_rankings_are_those_of_one_process_also_if_a_worker_dies(
    cluster: Any, tmp_path: Path
) -> None:
    vectors = unit_vectors(300, 16)
    vectors[100:140] = vectors[7]  # equal scores, in both shards' ranges
    vectors[250:260] = vectors[7]
    ids = [f"{number:03}" for number in np.random.default_rng(1).permutation(300)]
    documents = make_table(tmp_path / "documents", vectors, ids)
    queries = np.concatenate([unit_vectors(90, 16, seed=2), vectors[7:8]])
    expected = Searcher(flat_index(documents), documents).find(queries, 60)
    log: list[str] = []
    connect = cluster_on_cores(on_ray(cluster), log.append)
    assert connect is not None
    with ShardedSearcher(tmp_path / "documents", documents, connect) as searcher:
        for _ in range(2):
            found = searcher.find(queries, 60, memory_mb=16)
            np.testing.assert_array_equal(found[0], expected[0])
            np.testing.assert_array_equal(found[1], expected[1])
            (worker, *_) = worker_processes()
            os.kill(worker, signal.SIGKILL)  # its shard goes to another one
    assert any("is lost" in line for line in log)


def test_negatives_and_ledger_of_nodes_are_those_of_one_process_also_if_one_dies(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_dataset(RankedDataset(queries=60, documents=30, depth=6), tmp_path)
    (tmp_path / "answers.jsonl").write_text('{"query_id": "q1", "answers": ["Number D4"]}\n')
    # most queries are short, and the budget lets only some of them be searched deeper
    monkeypatch.setattr(deeper_budget, "FREE_CANDIDATES", 0)
    filters = FiltersSettings(
        max_score=0.955, max_search_depth=20, deeper_search_budget=1, answers="answers.jsonl"
    )
    log: list[str] = []

    def mine(connect: Callable[[], RayCluster] | None) -> tuple[bytes, pa.Table, MiningReport]:
        session = open_session(files, filters, mining={"random_share": 0.5, "range_max": 6})
        ledger = tmp_path / "ledger.parquet"
        chosen, report = session.mine(ledger, connect)
        return ledger.read_bytes(), chosen.table(), report

    def small_blocks(*arguments: Any, **options: Any) -> Iterator[CandidateBlock]:
        for number, block in enumerate(read_candidate_blocks(*arguments, **options, rows=20)):
            if number == 8 and options.get("all_mined") and (there := worker_processes()):
                os.kill(there[0], signal.SIGKILL)
            yield block

    monkeypatch.setattr(mining_session, "read_candidate_blocks", small_blocks)
    here = mine(None)
    there = mine(cluster_on_cores(on_ray(cluster), log.append))
    assert there == here
    assert here[2].deepened > 0 and here[2].left_short > 0 and here[2].random > 0
    assert any("is lost" in line for line in log)


def worker_processes() -> list[int]:
    """The workers of Ray on this machine that the tests of this file have started."""
    return [
        process.pid
        for process in psutil.process_iter()
        if process.name().startswith("ray::NodeWorker")
        and any(parent.pid == os.getpid() for parent in process.parents())
    ]


@pytest.mark.soak
def test_a_resource_of_dagster_ray_names_the_cluster(
    cluster: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)  # LocalRay connects there, then
    there = on_ray(cluster).model_dump() | {"ray": {"address": "dagster"}}
    graph = AnimalsDataset(
        tmp_path, compute=there, encoding={"model": str(model), "pooling": "mean"}
    )
    graph.materialize("corpus", "queries", "qrels", resources={"ray": LocalRay()})
    result = graph.materialize("corpus_embeddings", resources={"ray": LocalRay()})
    assert told(result)["corpus_embeddings"]["device"] == "cpu, cpu"


@pytest.mark.soak
@pytest.mark.parametrize("killed", [False, True])
def test_a_model_is_trained_on_a_node(
    cluster: Any, model: Path, tmp_path: Path, killed: bool
) -> None:
    job = make_job(tmp_path / f"job_{killed}", model, epochs=4 if killed else 1)
    log: list[str] = []

    def kill_once(line: str) -> None:
        log.append(line)
        if killed and "step 6 of" in line:
            os.kill(worker_processes()[0], signal.SIGKILL)

    with RayCluster(on_ray(cluster), log.append) as connected:
        report = fine_tune_on(connected, job, kill_once)
    assert report.steps == (24 if killed else 6)
    assert (report.resumed_at is not None) == killed
    assert report.node == socket.gethostname()
    assert any("step 6 of" in line and "loss" in line for line in log)
    undisturbed = make_job(tmp_path / f"here_{killed}", model, epochs=4 if killed else 1)
    if killed:
        fine_tune(undisturbed, print)
        (Path(job.output) / "training_log.json").unlink()
        (Path(undisturbed.output) / "training_log.json").unlink()
        assert hash_folder(Path(job.output)) == hash_folder(Path(undisturbed.output))
    assert (Path(job.output) / "config.json").is_file()


@pytest.mark.soak
def test_a_trial_trains_on_a_node(
    cluster: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = [{"name": "these settings"}, {"name": "random documents"}]
    trial = {"folds": 2, "min_repeats": 2, "max_repeats": 2, "max_steps": 2, "plans": plans}
    found: list[pd.DataFrame] = []
    connections: list[RayCluster] = []

    def connect(*arguments: Any) -> RayCluster:
        connections.append(RayCluster(*arguments))
        return connections[-1]

    monkeypatch.setattr(training_inputs, "RayCluster", connect)
    for name in ("here", "there"):
        compute = on_ray(cluster).model_dump() if name == "there" else {}
        graph = AnimalsDataset(
            tmp_path / name,
            compute=compute,
            encoding={"model": str(model), "pooling": "mean"},
            trial=trial,
        )
        if name == "there":
            monkeypatch.setattr(TrainingProcess, "fine_tune", None)
        graph.materialize(*UP_TO_CANDIDATES, "negatives_trial")
        found.append(pd.read_parquet(graph.file("negatives_trial", "measurements.parquet")))
    here, there = found
    pd.testing.assert_frame_equal(here, there)
    assert len(connections) == 1


def test_a_lost_head_is_an_error_that_says_what_is_kept(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test, as the cluster is of no use after it."""
    monkeypatch.setattr(ray_cluster, "HEAD_SECONDS", 1.0)
    workers = start(cluster, [])
    begun = time.monotonic()
    with pytest.raises(ClusterUnavailableError, match="lost: .*What was computed before is kept"):
        for number, _ in enumerate(workers.compute(("wait", i) for i in range(10**9))):
            if number == 5:
                cluster.head_node.kill_gcs_server()
    assert time.monotonic() - begun < 60
    workers.close()
