"""A cluster that cannot be connected to is an error with the remedy."""

import socket
from pathlib import Path

import pytest

from hn_assets.cluster.ray_cluster import RayCluster
from hn_assets.errors import ClusterUnavailableError
from hn_assets.extras import MissingExtraError
from hn_assets.settings.compute import ComputeSettings, RaySettings


def test_without_ray_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ray.py").write_text("raise ModuleNotFoundError(\"no ray\", name='ray')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    compute = ComputeSettings(engine="ray", device="cpu")
    with pytest.raises(MissingExtraError, match=r"compute\.engine: ray.*hn_assets\[ray\]"):
        RayCluster(compute, print)


def test_a_cluster_that_is_not_there_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # so that nobody else has the port
        port = server.getsockname()[1]
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
        compute = ComputeSettings(engine="ray", device="cpu", ray=RaySettings(address=address))
        with pytest.raises(ClusterUnavailableError, match=f"{address}, .*ray start --head"):
            RayCluster(compute, print)


def test_a_cluster_that_answers_and_refuses_is_told_apart_from_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what Ray raises after 20 s for a wrong token
    said = "Failed to connect to Ray cluster"
    (tmp_path / "ray.py").write_text(f"def init(**_):\n    raise ConnectionError({said!r})\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        compute = ComputeSettings(engine="ray", device="cpu", ray=RaySettings(address=address))
        with pytest.raises(
            ClusterUnavailableError, match=rf"answers.*{said}.*RAY_AUTH_TOKEN"
        ) as it:
            RayCluster(compute, print)
    assert "ray start" not in str(it.value)
