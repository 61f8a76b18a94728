"""A resource of dagster-ray names the cluster that the steps of a dataset compute on."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_ray.core.resources import LocalRay

from hn_assets.errors import ClusterError
from hn_assets.orchestration.build import build_definitions
from hn_assets.orchestration.ray_resource import with_ray_resource
from hn_assets_tests.assets.animals_dataset import AnimalsDataset


class NamedRay(LocalRay):
    """A cluster that is not this machine's."""

    address: str

    @property
    def ray_address(self) -> str:  # type: ignore[override]
        return self.address


def on_ray(tmp_path: Path, **compute: Any) -> AnimalsDataset:
    ray = {"engine": "ray", "ray": {"address": "dagster"}, "device": "cpu", **compute}
    return AnimalsDataset(tmp_path, compute=ray)


def keys(graph: AnimalsDataset) -> dict[str, set[str]]:
    """The resources of each operation beside its settings."""
    assets = build_definitions(graph.dataset).assets or []
    return {
        asset.node_def.name.removeprefix("animals__"): asset.required_resource_keys
        - {"animals_settings", "io_manager"}
        for asset in assets
        if isinstance(asset, dg.AssetsDefinition)
    }


def test_the_steps_that_compute_need_the_resource(tmp_path: Path) -> None:
    needed = keys(on_ray(tmp_path))
    assert needed["embeddings"] == needed["candidates"] == {"ray"}
    assert needed["source"] == needed["hard_negatives"] == set()
    ray = {"address": "dagster", "mining_from_queries": 1}
    assert keys(on_ray(tmp_path, ray=ray))["hard_negatives"] == {"ray"}
    assert set().union(*keys(AnimalsDataset(tmp_path)).values()) == set()


def test_the_address_of_the_resource_is_used(tmp_path: Path) -> None:
    graph = on_ray(tmp_path)
    found = with_ray_resource(graph.dataset, NamedRay(address="ray://head:10001"))
    assert found.settings.compute.ray.address == "ray://head:10001"
    assert found.settings.compute.engine == "ray"
    with pytest.raises(ClusterError, match=r"has not connected.*lifecycle\.connect"):
        with_ray_resource(graph.dataset, LocalRay())


def test_a_cluster_that_cannot_be_reached_is_tried_again(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = AnimalsDataset(
        tmp_path,
        compute={"engine": "ray", "ray": {"address": "127.0.0.1:1"}, "device": "cpu"},
        encoding={"model": str(model), "pooling": "mean"},
        job={"retries": 1, "retry_delay": 0},
    )
    graph.materialize("corpus", "queries", "qrels")
    result = graph.materialize("corpus_embeddings", raise_on_error=False)
    kinds = [event.event_type_value for event in result.all_events]
    assert kinds.count("STEP_UP_FOR_RETRY") == 1
    (failed,) = (event for event in result.all_events if event.is_step_failure)
    assert failed.step_failure_data.user_failure_data is not None
    said = failed.step_failure_data.user_failure_data.description
    assert "there is no cluster of Ray that can be used" in str(said)
