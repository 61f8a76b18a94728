"""Clusters of Ray that lose nodes, or their head, in the middle of a run; and Ray's client."""

import socket
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hn_assets import mine_hard_negatives
from hn_assets.cluster import ray_cluster
from hn_assets.encoding import encoder
from hn_assets.encoding.vectors.vector_cache import VectorCache
from hn_assets.errors import ClusterUnavailableError
from hn_assets.reranking.lazy_model import LazyReranker
from hn_assets.settings.compute import ComputeSettings, RaySettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets_tests.assets.animals_dataset import SMALL
from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.ray_clusters import on_ray, ray_nodes

pytestmark = pytest.mark.soak


@pytest.fixture
def sections(model: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings of a small dataset that is encoded in shards of four texts."""
    monkeypatch.setitem(encoder.WINDOW_TEXTS, "same_length", 4)
    sections = {name: section for name, section in SMALL.items() if name != "job"}
    return {**sections, "encoding": {"model": str(model), "pooling": "mean"}}


def in_one_process(tmp_path: Path, sections: dict[str, Any]) -> pd.DataFrame:
    here = {"device": "cpu", "precision": "float32"}
    return mine_hard_negatives(tmp_path / "raw", settings={**sections, "compute": here}).negatives


def test_a_node_that_dies_while_it_encodes_costs_no_committed_vector(
    tmp_path: Path, sections: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    animals(tmp_path / "raw")
    add, committed = VectorCache.add, []
    with ray_nodes(tmp_path / "sent", 2) as cluster:

        def add_and_kill(self: VectorCache, keys: Any, vectors: Any) -> None:
            add(self, keys, vectors)
            committed.extend(keys)
            if len(committed) == 8:
                cluster.remove_node(min(cluster.worker_nodes, key=id), allow_graceful=False)

        monkeypatch.setattr(VectorCache, "add", add_and_kill)
        compute = on_ray(cluster, max_tokens_per_batch=16).model_dump()
        mined = mine_hard_negatives(tmp_path / "raw", settings={**sections, "compute": compute})
    assert len(committed) == len(set(committed))
    monkeypatch.undo()
    expected = in_one_process(tmp_path, sections)
    pd.testing.assert_frame_equal(mined.negatives, expected)


def test_after_a_lost_head_the_next_run_goes_on(
    tmp_path: Path, sections: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    animals(tmp_path / "raw")
    monkeypatch.setattr(ray_cluster, "HEAD_SECONDS", 1.0)
    add, committed = VectorCache.add, []
    folder = tmp_path / "kept"
    with ray_nodes(tmp_path / "sent", 1) as cluster:

        def add_and_kill(self: VectorCache, keys: Any, vectors: Any) -> None:
            add(self, keys, vectors)
            committed.extend(keys)
            if len(committed) == 8:
                cluster.head_node.kill_gcs_server()
                time.sleep(10)  # in which the loss is noticed

        monkeypatch.setattr(VectorCache, "add", add_and_kill)
        settings = {**sections, "compute": on_ray(cluster, max_tokens_per_batch=16).model_dump()}
        with pytest.raises(ClusterUnavailableError, match="the next run goes on from there"):
            mine_hard_negatives(tmp_path / "raw", settings=settings, folder=folder)
    monkeypatch.setattr(VectorCache, "add", add)
    with ray_nodes(tmp_path / "sent", 1) as cluster:
        settings["compute"] = on_ray(cluster).model_dump()
        mined = mine_hard_negatives(tmp_path / "raw", settings=settings, folder=folder)
    told = mined.report["corpus_embeddings"]
    assert told["texts_reused"] >= 8
    assert told["texts_reused"] + told["texts_encoded"] == 48
    pd.testing.assert_frame_equal(mined.negatives, in_one_process(tmp_path, sections))


def test_a_teacher_and_rays_client(tmp_path: Path, teacher_folder: Path) -> None:
    pairs = [(f"what is fact {i}?", f"fact {i} is about {i % 7}") for i in range(60)]
    settings = TeacherSettings(model=str(teacher_folder))
    with LazyReranker(settings, ComputeSettings(device="cpu"), print) as here:
        expected = here.get().score(pairs)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    log: list[str] = []
    with ray_nodes(tmp_path / "sent", 2, ray_client_server_port=port) as cluster:
        ray = RaySettings(address=f"ray://127.0.0.1:{port}")
        # so that both workers have batches to score
        compute = ComputeSettings(engine="ray", device="cpu", ray=ray, max_tokens_per_batch=128)
        with LazyReranker(settings, compute, log.append) as there:
            assert there.precision == "float32"
            assert there.devices == ["cpu", "cpu"]
            reranker = there.get()
            np.testing.assert_allclose(reranker.score(pairs), expected, atol=1e-6)
            node = min(cluster.worker_nodes, key=id)
            killer = threading.Timer(1.0, cluster.remove_node, (node, False))
            killer.start()
            for _ in range(20):
                np.testing.assert_allclose(reranker.score(pairs), expected, atol=1e-6)
                time.sleep(0.2)
            killer.join()
    assert any("is lost" in line for line in log)
