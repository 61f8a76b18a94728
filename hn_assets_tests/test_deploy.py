"""What `deploy/` holds fits the project, and its settings work with a real PostgreSQL."""

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.servers import postgres_server, production_home
from hn_assets_tests.test_component import MINIMAL, ROOT, dagster, make_project, run

DEPLOY = ROOT / "deploy"


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def test_the_image_copies_what_is_there_and_installs_extras_that_exist() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = [part for line in re.findall(r"^COPY (.*)", text, re.M) for part in line.split()[:-1]]
    assert len(copied) > 5
    assert [name for name in copied if not (ROOT / name).exists()] == []
    extras = set(re.findall(r"\[([a-z0-9,]+)\]'", text))
    declared = (ROOT / "pyproject.toml").read_text()
    for extra in {name for group in extras for name in group.split(",")}:
        assert f"\n{extra} = [" in declared, extra


def test_compose_starts_what_the_readme_says_on_loopback_only() -> None:
    services = read("docker-compose.yaml")["services"]
    assert set(services) == {"postgres", "code", "webserver", "daemon"}
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    used = set(re.findall(r"env: (\w+)", (DEPLOY / "dagster.yaml").read_text()))
    used |= set(re.findall(r"env: (\w+)", (DEPLOY / "workspace.yaml").read_text()))
    for name in ("code", "webserver", "daemon"):
        assert used <= set(services[name]["environment"]), name
    (location,) = read("workspace.yaml")["load_from"]
    assert f"-p {location['grpc_server']['port']} " in services["code"]["command"]


def test_helm_values_name_the_same_module_and_port() -> None:
    values = read("helm-values.yaml")
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    assert deployment["codeServerArgs"] == ["-m", "hn_assets"]
    (location,) = read("workspace.yaml")["load_from"]
    assert deployment["port"] == location["grpc_server"]["port"]
    assert values["dagsterWebserver"]["service"]["type"] == "ClusterIP"


def test_runs_are_kept_in_postgresql(tmp_path: Path) -> None:
    with postgres_server() as port:
        _materialize_and_look(tmp_path, port)


def _materialize_and_look(tmp_path: Path, port: int) -> None:
    project = make_project(tmp_path / "project", MINIMAL)
    animals(project / "raw")
    environment = {**production_home(tmp_path / "home", port), "PYTHONPATH": str(project)}
    arguments = (
        "asset",
        "materialize",
        "-m",
        "their_project.definitions",
        "--select",
        "mine/corpus",
    )
    done = dagster(*arguments, cwd=project, **environment)
    assert done.returncode == 0, done.stderr[-2000:]
    code = (
        "from dagster import AssetKey, DagsterInstance\n"
        "i = DagsterInstance.get()\n"
        "print(type(i.run_storage).__name__, [r.status.value for r in i.get_runs()])\n"
        "print(i.get_latest_materialization_event(AssetKey(['mine', 'corpus'])) is not None)\n"
    )
    told = run(sys.executable, "-c", code, cwd=project, **environment)
    assert told.stdout.split("\n")[:2] == ["PostgresRunStorage ['SUCCESS']", "True"], told.stderr
