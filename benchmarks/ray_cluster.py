"""Encoding and searching on nodes of Ray on this machine, beside one process.

    python -m benchmarks.ray_cluster FOLDER [--documents N] [--repeats N]

One process, a cluster of one node and one of two nodes, one core each, encode the same texts and
search the same vectors by turns, so that other work on the machine slows all of them. Then N
documents are mined in one process, and on three nodes of which one is killed while it encodes and
one while it searches: all negatives must be the same, and no vector made twice.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import pyarrow as pa

from benchmarks.measure import describe_machine, print_table, read_documents
from benchmarks.scale import write_subset
from hn_assets.cluster.ray_cluster import cluster_on_cores
from hn_assets.encoding.lazy_model import LazyModel
from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter
from hn_assets.retrieval.faiss_index import flat_index
from hn_assets.retrieval.searcher import Searcher
from hn_assets.retrieval.sharded_search import ShardedSearcher
from hn_assets.settings.compute import ComputeSettings, RaySettings
from hn_assets.settings.encoding import EncodingSettings

TEXTS = 250
VECTORS, QUERIES = 50_000, 2_000
KILLED_SHARD = 256  # texts, so that a small collection has several shards when a node is killed

# What a run does, in a process of its own: it prints a line of JSON.
RUN = """
import json, sys, time
if __name__ == "__main__":
    raw, folder, compute, encoding, shard = json.loads(sys.argv[1])
    import logging
    logging.basicConfig(level=logging.INFO)
    from hn_assets import mine_hard_negatives
    from hn_assets.encoding import encoder
    if shard:
        encoder.WINDOW_TEXTS = {**encoder.WINDOW_TEXTS, "same_length": shard}
    begun = time.perf_counter()
    settings = {"compute": compute, "encoding": encoding, "mining": {"plan": "settings"}}
    mined = mine_hard_negatives(raw, settings=settings, folder=folder)
    told = mined.report
    ids = mined.negatives[["query_id", "doc_id"]].to_csv()
    import hashlib
    print(json.dumps({
        "seconds": time.perf_counter() - begun,
        "encoded": told["corpus_embeddings"]["texts_encoded"],
        "encoding_seconds": told["corpus_embeddings"]["encoding_seconds"],
        "negatives": hashlib.sha256(ids.encode()).hexdigest(),
    }))
"""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with scratch_folder() as place:
        texts = list(read_documents(str(options.folder), TEXTS).values())
        _compare_speed(texts, place, options.repeats)
        documents, queries = write_subset(options.folder, place / "raw", options.documents)
        alone = mine(place, None, {})
        with local_cluster(3) as cluster:
            killed, log = _mine_and_kill(place, cluster)
    print(f"\n{documents:,} documents and {queries:,} queries, two of three nodes killed:")
    print("\n".join(log))
    print(killed)
    same = alone["negatives"] == killed["negatives"]
    print(f"negatives: {'the same as in one process' if same else 'NOT the same'}")


def _compare_speed(texts: list[str], place: Path, repeats: int) -> None:
    """Print what encoding and searching take, in seconds and in seconds of the processor."""
    vectors = np.random.default_rng(0).normal(size=(VECTORS + QUERIES, 384)).astype(np.float32)
    writer = VectorWriter(place / "vectors.arrow")
    for start in range(0, VECTORS, 8192):
        names = [str(row) for row in range(start, min(start + 8192, VECTORS))]
        rows = vectors[start : start + len(names)]
        writer.write(names, [bytes(16)] * len(names), rows)
    writer.close()
    documents = VectorTable(place / "vectors.arrow")
    with ExitStack() as stack:
        computes = {"one process": ComputeSettings(device="cpu")}
        for name, nodes in (("one node", 1), ("two nodes", 2)):
            ray = RaySettings(address=stack.enter_context(local_cluster(nodes)).address)
            computes[name] = ComputeSettings(device="cpu", engine="ray", ray=ray)

        def encoding(compute: ComputeSettings, held: ExitStack) -> Callable[[], Any]:
            model = held.enter_context(LazyModel(EncodingSettings(), compute, _to_stderr))
            return partial(model.encoder().encode, texts, "passage")

        def searching(compute: ComputeSettings, held: ExitStack) -> Callable[[], Any]:
            connect = cluster_on_cores(compute, _to_stderr)
            searcher: Any = Searcher(flat_index(documents), documents)
            if connect is not None:
                path = place / "vectors.arrow"
                searcher = held.enter_context(ShardedSearcher(path, documents, connect))
            return lambda: searcher.find(vectors[VECTORS:], 210, 512)[0]

        taken = [_by_turns(make, computes, repeats) for make in (encoding, searching)]
    print_table(
        f"{len(texts)} abstracts encoded; {QUERIES:,} queries searched in {VECTORS:,} vectors at "
        f"depth 210; medians of {repeats}",
        ["where", "encoding, s", "of processors, s", "searching, s", "of processors, s"],
        [(name, *(f"{figure:.2f}" for way in taken for figure in way[name])) for name in computes],
    )


def _by_turns(
    make: Callable[[ComputeSettings, ExitStack], Callable[[], Any]],
    computes: dict[str, ComputeSettings],
    repeats: int,
) -> dict[str, tuple[float, float]]:
    """What each way takes, in seconds and in seconds of processors: medians."""
    taken: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with ExitStack() as held:
        ways = {name: make(compute, held) for name, compute in computes.items()}
        expected = ways["one process"]()
        for name, way in ways.items():  # the first time loads what is to be loaded
            np.testing.assert_array_equal(way(), expected, name)
        for _ in range(repeats):
            for name, way in ways.items():
                taken[name].append(_timed(way))
                _to_stderr(f"{name}: {taken[name][-1]}")
    return {
        name: (median(one for one, _ in each), median(one for _, one in each))
        for name, each in taken.items()
    }


def _timed(way: Callable[[], Any]) -> tuple[float, float]:
    """The seconds that it takes, and those of this process and of all that it has started."""
    begun, worked = time.perf_counter(), _seconds_of_processors()
    way()
    return time.perf_counter() - begun, _seconds_of_processors() - worked


def _seconds_of_processors() -> float:
    me = psutil.Process()
    total = 0.0
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for what is measured by processes of one thread, after a line about the machine."""
    # Ray would have its workers yield to everybody else.
    os.environ.update(RAY_AUTH_MODE="disabled", RAY_worker_niceness="0", OMP_NUM_THREADS="1")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["HN_WORK_DIR"] = str(Path(scratch) / "work")
        print(describe_machine(), flush=True)
        yield Path(scratch)


@contextmanager
def local_cluster(nodes: int) -> Iterator[Any]:
    """A cluster of so many nodes with one core each, and a head without any; None for no node."""
    if not nodes:
        yield None
        return
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 100 << 20}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(nodes):
        cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    try:
        yield cluster
    finally:
        cluster.shutdown()


def _start(
    place: Path, folder: Path, cluster: Any, encoding: dict[str, Any], shard: int = 0
) -> "subprocess.Popen[str]":
    compute: dict[str, Any] = {"device": "cpu"}
    if cluster is not None:
        compute |= {"engine": "ray", "ray": {"address": cluster.address}}
    script = place / "run.py"
    script.write_text(RUN)
    arguments = json.dumps([str(place / "raw"), str(folder), compute, encoding, shard])
    return subprocess.Popen(
        [sys.executable, str(script), arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )


def mine(place: Path, cluster: Any, encoding: dict[str, Any]) -> dict[str, Any]:
    """Mine the collection `raw` of a folder in a process of its own; what `RUN` prints of it.

    Args:
        place: The folder.
        cluster: The cluster whose nodes compute; None if that process does.
        encoding: The settings of the encoder.
    """
    with tempfile.TemporaryDirectory() as folder:
        said, errors = _start(place, Path(folder), cluster, encoding).communicate()
    assert said, errors[-3000:]
    return json.loads(said.splitlines()[-1])


def _mine_and_kill(place: Path, cluster: Any) -> tuple[dict[str, Any], list[str]]:
    """Mine while nodes are killed; what came of it, and the lines that say so."""
    with tempfile.TemporaryDirectory() as folder:
        process = _start(place, Path(folder), cluster, {}, KILLED_SHARD)
        killer = threading.Thread(target=_kill, args=(Path(folder), cluster), daemon=True)
        killer.start()
        said, errors = process.communicate()
        assert said, errors[-3000:]
        run = json.loads(said.splitlines()[-1])
        shards = list(Path(folder).rglob("vector_cache/*/*.arrow"))
        keys = [key for shard in shards for key in _keys(shard)]
        run["shards"], run["vectors_in_shards"] = len(shards), len(keys)
        run["made_twice"] = len(keys) - len(set(keys))
    return run, [line for line in errors.splitlines() if "is lost" in line]


def _kill(folder: Path, cluster: Any) -> None:
    """Kill a node that computes once two shards are committed, and one that searches."""
    while len(list(folder.rglob("vector_cache/*/*.arrow"))) < 2:
        time.sleep(0.05)
    cluster.remove_node(_computing_node(cluster), allow_graceful=False)
    while not list(folder.rglob("candidates.parquet")):
        time.sleep(0.05)
    cluster.remove_node(_computing_node(cluster), allow_graceful=False)


def _computing_node(cluster: Any) -> Any:
    """A node with a worker that computes a job at this moment, once there is one."""
    raylets = {node.all_processes["raylet"][0].process.pid: node for node in cluster.worker_nodes}
    while True:
        for process in psutil.process_iter(["name", "ppid", "cmdline"]):
            title = " ".join(process.info["cmdline"] or ())
            if title.startswith("ray::NodeWorker.compute") and process.info["ppid"] in raylets:
                return raylets[process.info["ppid"]]


def _keys(shard: Path) -> list[bytes]:
    with pa.memory_map(str(shard)) as source:
        return pa.ipc.open_file(source).read_all().column(0).to_pylist()


if __name__ == "__main__":
    main()
